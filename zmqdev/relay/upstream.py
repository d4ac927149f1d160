"""Messages from an XPUB, frame by frame, with the connection of each.

An XPUB cannot be read message by message: of a message in several frames it hands up those
that are subscriptions as messages of their own, and may keep the rest. What libzmq makes
itself, the unsubscriptions of a peer that has gone, comes by no connection.

A descriptor does not tell connections apart: by the time a frame is read its number may be
another's. The properties that libzmq attaches to each frame (zmq_msg_gets) are stored once a
connection, and their address is never used again while one frame with them is kept. So the
address names the connection, and `keep` keeps a frame.
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
    """Makes sure that no other connection gets the same name."""

    def close(self) -> None:
        """The name may be used again."""


class Upstream(Protocol):
    """Takes frames from an XPUB, in the thread that uses the socket."""

    frame: bytes
    more: bool
    origin: Hashable
    """The connection of the frame; NOWHERE for what came by none."""
    skipped: set[Hashable]
    """Connections of which no frame is wanted: it may be left empty, which is quicker."""

    def next(self) -> bool:
        """Take one more frame; False when there is none. Raises zmq.ContextTerminated."""

    def property(self, name: str) -> str:
        """A property of the frame's connection; "" when it has none of this name."""

    def keep(self) -> KeptFrame:
        """Keep the name of the frame's connection to itself."""


def upstream(socket: zmq.Socket[bytes]) -> Upstream:
    """The exact one, or the one of pyzmq's own calls where libzmq cannot be reached."""
    library = _libzmq()
    return NamedFrame(socket, library) if library is not None else Plain(socket)


class NamedFrame:
    """By libzmq's own functions; pyzmq has none that tell the address of a property."""

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
    """By pyzmq: a connection is known by its descriptor, and so until another has the number."""

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
        """Nothing was kept."""


class _Library:
    """Functions of libzmq. What may take long lets other threads run; the rest does not pay
    for that."""

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
        """Let go of what is in it. Harmless a second time: libzmq marks it closed."""
        self._library.close(self.at)

    __del__ = close


@cache
def _libzmq() -> _Library | None:
    try:
        return _Library()
    except ImportError:
        return None
