"""Messages from an XPUB, frame by frame, with the connection of each.

An XPUB cannot be read message by message: from a message of several frames it delivers those that
are subscriptions as separate messages, and may drop the rest. Messages that libzmq makes itself,
the unsubscriptions of a peer that has gone, come from no connection.

A descriptor does not identify a connection: by the time a frame is read it may belong to another
connection. The properties that libzmq attaches to each frame (zmq_msg_gets) are stored once per
connection, and their address is not used again while a frame with them is kept. So the address
names the connection, and `keep` keeps a frame.
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Hashable
from functools import cache
from typing import Any, Protocol, cast

import zmq

from zmqdev.system.libzmq import addresses

MESSAGE_SIZE = 64
WAIT_NOT = int(zmq.DONTWAIT)
NOWHERE: Hashable = 0
DESCRIPTOR, USER, ADDRESS = "__fd", "User-Id", "Peer-Address"


class KeptFrame(Protocol):
    """A frame that is kept so that no other connection gets the same name."""

    def close(self) -> None:
        """Release the frame; the name may be used again."""


class Upstream(Protocol):
    """Takes frames from an XPUB, in the thread that uses the socket."""

    frame: bytes
    more: bool
    origin: Hashable
    """The connection of the frame; NOWHERE for what came by none."""
    skipped: set[Hashable]
    """Connections of which no frame is wanted: it may be left empty, which is quicker."""

    def next(self) -> bool:
        """Take one more frame; return False when there is none. Raises zmq.ContextTerminated."""

    def property(self, name: str) -> str:
        """Return a property of the frame's connection; "" when it has none of this name."""

    def keep(self) -> KeptFrame:
        """Keep the name of the frame's connection from being used again."""


def upstream(socket: zmq.Socket[bytes]) -> Upstream:
    """Return a NamedFrame, or a Plain if libzmq's functions cannot be reached."""
    library = _libzmq()
    return NamedFrame(socket, library) if library is not None else Plain(socket)


class NamedFrame:
    """An upstream that calls libzmq directly, as pyzmq does not give the address of a property."""

    def __init__(self, socket: zmq.Socket[bytes], library: _Library) -> None:
        self._socket, self._library = socket.underlying, library
        self._message = _Message(library)
        self.frame, self.more, self.origin = b"", False, NOWHERE
        self.skipped: set[Hashable] = set()

    def next(self) -> bool:
        library, at = self._library, self._message.at
        while library.receive(at, self._socket, WAIT_NOT) < 0:
            number = ctypes.get_errno()
            if number == errno.EAGAIN:
                return False
            if number != errno.EINTR:
                raise zmq.ContextTerminated(number) if number == zmq.ETERM else zmq.ZMQError(number)
        self.origin = library.where(at, b"__fd") or NOWHERE
        if self.origin in self.skipped:
            self.frame, self.more = b"", False
            return True
        self.frame = ctypes.string_at(library.data(at), library.size(at))
        self.more = bool(library.more(at))
        return True

    def property(self, name: str) -> str:
        found = self._library.where(self._message.at, name.encode())
        return ctypes.string_at(found).decode(errors="replace") if found else ""

    def keep(self) -> KeptFrame:
        copy = _Message(self._library)
        self._library.copy(copy.at, self._message.at)
        return copy


class Plain:
    """An upstream with pyzmq: it knows a connection by its descriptor, until that is reused."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._frame = zmq.Frame()
        self.frame, self.more, self.origin = b"", False, NOWHERE
        self.skipped: set[Hashable] = set()

    def next(self) -> bool:
        try:
            self._frame = self._socket.recv(zmq.DONTWAIT, copy=False)
        except zmq.Again:
            return False
        self.frame, self.more = self._frame.bytes, self._frame.more
        self.origin = self.property(DESCRIPTOR) or NOWHERE
        return True

    def property(self, name: str) -> str:
        try:
            return cast(str, cast(Any, self._frame).get(name))
        except zmq.ZMQError:
            return ""

    def keep(self) -> KeptFrame:
        return _Nothing()


class _Nothing:
    def close(self) -> None:
        """Do nothing: nothing was kept."""


class _Library:
    """Functions of libzmq.

    Only calls that may take long release the GIL, since that costs time.
    """

    def __init__(self) -> None:
        at, whole, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
        long = ctypes.CFUNCTYPE(whole, at, at, whole, use_errno=True)
        found = addresses(tuple(f"zmq_msg_{name}" for name in _SHORT))
        kinds = ((whole, at), (whole, at), (whole, at, at), (at, at), (ctypes.c_size_t, at))
        made = [
            ctypes.PYFUNCTYPE(*kind)(address)
            for kind, address in zip((*kinds, (whole, at), (at, at, text)), found, strict=True)
        ]
        self.init, self.close, self.copy, self.data, self.size, self.more, self.where = made
        self.receive = long(addresses(("zmq_msg_recv",))[0])


_SHORT = ("init", "close", "copy", "data", "size", "more", "gets")


class _Message:
    """A zmq_msg_t."""

    def __init__(self, library: _Library) -> None:
        self._library = library
        self._room = (ctypes.c_uint64 * (MESSAGE_SIZE // 8))()
        self.at = ctypes.addressof(self._room)
        library.init(self.at)

    def close(self) -> None:
        """Release its content. A second call is harmless, as libzmq marks it closed."""
        self._library.close(self.at)

    __del__ = close


@cache
def _libzmq() -> _Library | None:
    try:
        return _Library()
    except ImportError:
        return None
