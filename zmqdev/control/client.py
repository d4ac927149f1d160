"""The client of control sockets, for ctl, top and tap.

It keeps a DEALER for each device. A reply is matched by its id, so a late one is never taken for
the reply to the next request.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any

import zmq

from zmqdev.control import protocol as wire
from zmqdev.control import runtimedir
from zmqdev.control.runtimedir import Found
from zmqdev.errors import RunError, UsageError
from zmqdev.options import address as addresses
from zmqdev.options.security import Security
from zmqdev.options.suggest import near
from zmqdev.system import libzmq

# Seconds; a device answers within 50 ms. Later than this it is stopped, gone or very
# busy.
PATIENCE = 2.0


def targets(names: tuple[str, ...]) -> list[Found]:
    """Return the devices that `names` mean, local names or control addresses; without any, all.

    Raises RunError for a name that does not run, listing those that do, and UsageError
    for a malformed address.
    """
    running = {found.name: found for found in runtimedir.running()}
    if not names:
        return list(running.values())
    return [_target(name, running) for name in names]


def _target(name: str, running: Mapping[str, Found]) -> Found:
    if ":" in name:
        try:
            return Found(name, addresses.check(name, "connect"))
        except ValueError as error:
            raise UsageError(str(error)) from None
    if name in running:
        return running[name]
    others = f"; running: {', '.join(running)}" if running else "; this user has no running device"
    raise RunError(f"no running device named {name!r}{near(name, running) or others}")


class Asker:
    """Asks devices, in one thread: `with Asker() as asker:`."""

    def __init__(self, keys: Security | None = None) -> None:
        self._keys = keys  # credentials for tcp addresses
        self._context: zmq.Context[Any] = zmq.Context()
        self._sockets: dict[str, zmq.Socket[bytes]] = {}
        self._ids = itertools.count(1)

    def __enter__(self) -> Asker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def ask(
        self,
        address: str,
        verb: str,
        args: Mapping[str, Any] | None = None,
        patience: float = PATIENCE,
    ) -> Any:
        """Ask one device and return the result; raises RunError when it refuses or does
        not answer."""
        reply = self.ask_all([address], verb, args, patience)[address]
        if reply is None:
            raise RunError(f"{address}: no answer within {patience:g} s")
        if not reply.ok:
            raise RunError(reply.message)
        return reply.result

    def ask_all(
        self,
        asked: list[str],
        verb: str,
        args: Mapping[str, Any] | None = None,
        patience: float = PATIENCE,
    ) -> dict[str, wire.ControlReply | None]:
        """Ask many devices at once; return {address: reply}, None for those that did not answer."""
        id_ = next(self._ids)
        request = wire.write_request(verb, args or {}, id_)
        replies: dict[str, wire.ControlReply | None] = dict.fromkeys(asked)
        poller = zmq.Poller()
        for address in replies:
            socket = self._socket(address)
            poller.register(socket, zmq.POLLIN)
            socket.send_multipart([b"", request])
        end = time.monotonic() + patience
        while None in replies.values() and (left := end - time.monotonic()) > 0:
            poller.poll(int(left * 1000) + 1)
            for address in replies:
                replies[address] = replies[address] or self._take(address, id_)
        for address in (a for a, reply in replies.items() if reply is None):
            self.forget(address)  # its request is still queued; the next one needs a new socket
        return replies

    def pose(self, address: str, verb: str) -> int:
        """Send a request whose reply `reply` will return; return its number."""
        id_ = next(self._ids)
        self._socket(address).send_multipart([b"", wire.write_request(verb, {}, id_)])
        return id_

    def reply(self, address: str, id: int, patience: float) -> wire.ControlReply | None:
        """Wait for the reply to a request of `pose`; None if it does not come within `patience`."""
        self._socket(address).poll(round(patience * 1000))
        return self._take(address, id)

    def close(self) -> None:
        """Close all sockets."""
        self._context.destroy(linger=0)

    def forget(self, address: str) -> None:
        """Close the socket of this address."""
        socket = self._sockets.pop(address, None)
        if socket is not None:
            socket.close(0)

    def _socket(self, address: str) -> zmq.Socket[bytes]:
        if address not in self._sockets:
            libzmq.prepare()
            socket = self._context.socket(zmq.DEALER)
            socket.set(zmq.LINGER, 0)
            if address.startswith("tcp://"):
                socket.set(zmq.IPV6, int(addresses.split(address, "connect").ipv6))
                if self._keys is not None:
                    from zmqdev.security import material

                    for name, value in material.read(self._keys).options.items():
                        socket.set(zmq.SocketOption[name.upper()], value)
            socket.connect(address)
            self._sockets[address] = socket
        return self._sockets[address]

    def _take(self, address: str, id: int) -> wire.ControlReply | None:
        socket = self._sockets[address]
        while socket.poll(0):
            try:
                reply = wire.read_reply(socket.recv_multipart()[-1])
            except ValueError:
                raise RunError(f"{address} is not a control socket of zmqdev") from None
            if reply.id == id:
                return replace(reply, id=None)
        return None
