"""The socket of one side: made, set, bound and connected, in the thread that uses it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import zmq

from zmqdev.device.fd_room import DescriptorRoom
from zmqdev.device.io_threads import IoThreads
from zmqdev.errors import RunError
from zmqdev.options import address as addresses
from zmqdev.options.common import Crowd
from zmqdev.options.security import Security
from zmqdev.options.side import AnySide, Frontend
from zmqdev.security.connections import Census
from zmqdev.security.guard import Guard
from zmqdev.stats.snapshot import AddressState
from zmqdev.system import address_holder, crash, ipcfile, libzmq

# What libzmq's error numbers mean for the user who wrote the address.
_FIXES = {
    errno.EADDRINUSE: "address already in use",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "permission denied",
    errno.ENODEV: "this machine has no such interface or host",
    errno.EPROTONOSUPPORT: "this libzmq was built without that transport",
}
# libzmq's own errors, which the C library has no text for, start here (zmq.h).
_HAUSNUMERO = 156384712


def events(socket: zmq.Socket[bytes]) -> int:
    """Return which of POLLIN and POLLOUT hold now. This also makes the socket handle new peers."""
    return cast(int, socket.get(zmq.EVENTS))


def _nothing() -> None:
    """Do nothing: there are no duplicates of the connections."""


def _no_listeners() -> tuple[int, ...]:
    """Return no listeners, as none are known."""
    return ()


@dataclass
class OpenSocket:
    """A socket and its addresses.

    `addresses` is replaced, never changed, so any thread may read it.
    """

    name: str
    type: str
    socket: zmq.Socket[bytes]
    addresses: tuple[AddressState, ...] = field(default=())
    guard: Guard | None = None
    before_release: Callable[[], None] = _nothing
    listeners: Callable[[], tuple[int, ...]] = _no_listeners
    """Returns the descriptors of its listeners, as the monitor reported them. Any thread."""
    proxied: bool = False  # connects through a SOCKS proxy
    _files: dict[str, ipcfile.OwnFile] = field(default_factory=dict)

    @cached_property
    def io_threads(self) -> IoThreads:
        """Return the I/O threads of its context; call it in the socket's thread."""
        return IoThreads(self.socket.context)

    def secure(
        self, side: Security, census: Census | None = None, label: str | None = None
    ) -> None:
        """Apply the security options of a side from the first peer on.

        Call it before `bind` and `connect`. `label` names the socket in messages about peers; for
        an endpoint, which has one socket, it is the endpoint's name. UsageError names a file that
        is wrong.
        """
        self.guard = Guard(self.socket.context, side, label or self.name, census)
        self.guard.dress(self.socket)

    def apply(self, options: Mapping[str, Any]) -> None:
        """Set options by their ZeroMQ names; RunError names the one that libzmq refuses.

        A SUB or XSUB sends only subscriptions. It silently drops those above its mark, and for a
        publisher that is back it sends all at once, so it gets no mark.
        """
        if "rcvhwm" in options and self.guard is not None:
            options = {**options, "rcvhwm": self.guard.receive_mark(options["rcvhwm"])}
        apply(self.socket, options)

    def bind(self, address: str) -> AddressState:
        """Bind to an address and return its state; RunError says why that failed."""
        ipcfile.check_free(address)
        ipcfile.remove_left(address)
        self._ipv6(address, "bind")
        path = ipcfile.path_of(address)
        try:
            if path is None:
                self.socket.bind(crash.earlier(self.name, address))
            else:
                with ipcfile.private(path):
                    self.socket.bind(address)
                self._files[address] = ipcfile.OwnFile.at(path)
        except zmq.ZMQError as error:
            raise _failed("bind", address, error) from None
        actual = self._last_endpoint()
        crash.remember(self.name, address, actual)
        return self._added("bind", address, actual)

    def connect(self, address: str) -> AddressState:
        """Connect to an address and return its state; RunError says why that failed."""
        self._ipv6(address, "connect")
        try:
            self.socket.connect(address)
        except zmq.ZMQError as error:
            raise _failed("connect", address, error) from None
        return self._added("connect", address, address)

    def reconnect(self, address: str) -> None:
        """Connect again to an address that this socket connects to, with a new handshake.

        Call it only where libzmq does not reconnect. Otherwise libzmq continues with the unsent
        messages beside the new connection, and the duplicate of a connection would keep that open.
        """
        if not any(state.verb == "connect" and state.actual == address for state in self.addresses):
            return  # it was released meanwhile
        try:
            self.socket.disconnect(address)
        except zmq.ZMQError as error:
            if error.errno != errno.ENOENT:
                raise _failed("disconnect", address, error) from None
        self.socket.connect(address)

    def release(self, state: AddressState) -> None:
        """Unbind or disconnect. Messages received before an unbind are still read."""
        self.before_release()
        try:
            if state.verb == "bind":
                self.socket.unbind(state.actual)
            else:
                self.socket.disconnect(state.actual)
        except zmq.ZMQError as error:
            raise _failed(f"un{state.verb}", state.asked, error) from None
        self.addresses = tuple(item for item in self.addresses if item != state)
        self._remove_file(state.asked)

    def hide(self, states: Iterable[AddressState]) -> None:
        """Hide addresses from new peers: own ipc files are removed; connected peers stay."""
        for state in states:
            self._remove_file(state.asked)

    def close(self, linger_ms: int) -> None:
        """Close the socket; unsent messages are kept for `linger_ms`.

        Own ipc files and inproc names are released at once, as libzmq closes in the background and
        another socket of this process may bind to them at once.
        """
        for state in self.addresses:
            if state.verb == "bind" and state.actual.startswith("inproc://"):
                self.socket.unbind(state.actual)
        self.io_threads.close()
        self.socket.close(linger_ms)
        if self.guard is not None:
            self.guard.close()
        for address in list(self._files):
            self._remove_file(address)

    def _remove_file(self, address: str) -> None:
        file = self._files.pop(address, None)
        if file is not None:
            file.remove()

    def _added(self, verb: str, asked: str, actual: str) -> AddressState:
        state = AddressState(verb, asked, actual)
        self.addresses = (*self.addresses, state)
        return state

    def _ipv6(self, address: str, verb: str) -> None:
        if addresses.split(address, verb).ipv6:
            self.socket.set(zmq.IPV6, 1)

    def _last_endpoint(self) -> str:
        value = self.socket.get(zmq.LAST_ENDPOINT)
        return value.rstrip(b"\0").decode() if isinstance(value, bytes) else str(value)


def _failed(verb: str, address: str, error: zmq.ZMQError) -> RunError:
    number = error.errno or 0
    who = address_holder.holder(address) if number == errno.EADDRINUSE else ""
    return RunError(f"cannot {verb} {address}: {_FIXES.get(number) or _words(number)}{who}")


def _words(number: int) -> str:
    text = zmq.strerror(number) if number > _HAUSNUMERO else os.strerror(number)
    return text[:1].lower() + text[1:]


def make(
    context: zmq.Context[Any], name: str, type_: str, options: Mapping[str, Any]
) -> OpenSocket:
    """Make a socket with its options set, not bound or connected yet."""
    libzmq.prepare()
    socket = context.socket(zmq.SocketType[type_])
    try:
        apply(socket, options)
    except BaseException:
        socket.close(0)
        raise
    return OpenSocket(name, type_, socket, proxied=bool(options.get("socks_proxy")))


def apply(socket: zmq.Socket[bytes], options: Mapping[str, Any]) -> None:
    """Set options by their ZeroMQ names. RunError names the one that libzmq refuses.

    All that a SUB or XSUB sends is subscriptions. What is above its mark it drops silently, and
    for a publisher that is back it sends all at once, so it has no mark.
    """
    if socket.type in (zmq.SUB, zmq.XSUB) and "sndhwm" in options:
        options = {**options, "sndhwm": 0}
    for name, value in options.items():
        number = zmq.SocketOption[name.upper()]
        raw = value.encode(errors="surrogateescape") if isinstance(value, str) else value
        try:
            socket.set(number, int(raw) if isinstance(raw, bool) else raw)
        except (zmq.ZMQError, OverflowError, ValueError) as error:
            why = _words(error.errno or 0) if isinstance(error, zmq.ZMQError) else str(error)
            raise RunError(f"cannot set {name} to {value!r}: {why}") from None


Watch = Callable[[OpenSocket], None]


def census_of(limits: Crowd, sides: int = 1) -> Census:
    """Make the census of one side's connections, with its limits.

    `sides` is how many share the descriptors.
    """
    return Census(limits.connections, limits.connections_per_address, DescriptorRoom(sides))


def open_side(
    context: zmq.Context[Any],
    name: str,
    side: AnySide,
    watch: Watch,
    census: Census | None = None,
    make: Callable[..., OpenSocket] = make,
) -> OpenSocket:
    """Open a resolved side of a spec: make, watch, bind, connect and subscribe its socket."""
    assert side.type is not None
    opened = make(context, name, side.type, side.sockopts)
    try:
        opened.secure(side, census)
        watch(opened)
        if isinstance(side, Frontend) and side.type == "SUB":
            for prefix in side.subscribe or ():
                opened.socket.setsockopt(zmq.SUBSCRIBE, prefix)
        for address in side.bind:
            opened.bind(address)
        for address in side.connect:
            opened.connect(address)
    except BaseException:
        opened.close(0)
        raise
    return opened
