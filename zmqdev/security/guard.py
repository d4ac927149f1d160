"""The guard of one socket: its keys, its policy, its count of refusals.

A guard with a policy registers with the context's ZAP handler before the socket binds.
The handler starts with the first guard and stops with the last one.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import zmq

from zmqdev.errors import RunError
from zmqdev.options.security import Security
from zmqdev.options.security_check import mechanism
from zmqdev.security import material
from zmqdev.security.connections import Census
from zmqdev.security.policy import Policy
from zmqdev.security.refusals import Refusals
from zmqdev.security.zap import Handler, Registration
from zmqdev.system.descriptor import Connection

_handlers: WeakKeyDictionary[zmq.Context[Any], Handler] = WeakKeyDictionary()
_lock = threading.Lock()
_numbers = itertools.count(1)


class Guard:
    """The security of a socket, made in its thread; other methods may be called in any thread."""

    def __init__(
        self, context: zmq.Context[Any], side: Security, label: str, census: Census | None = None
    ) -> None:
        """Read the files and register; UsageError names the file that is wrong."""
        self.census = census or Census()
        self._side = side
        self._context = context
        self._material = material.read(side)
        self._domain = f"{label}#{next(_numbers)}"
        self._refusals = Refusals(label)
        self._registration: Registration | None = None
        if self._material.policy is not None:
            self._registration = Registration(self._material.policy, self._refusals)
            _register(context, self._domain, self._registration)

    def dress(self, socket: zmq.Socket[bytes]) -> None:
        """Set the security options, before the socket binds or connects."""
        if self._registration is not None:
            socket.set(zmq.ZAP_DOMAIN, self._domain.encode())
        socket.set(zmq.RCVHWM, self.receive_mark(int(socket.get(zmq.RCVHWM))))
        for name, value in self._material.options.items():
            socket.set(zmq.SocketOption[name.upper()], value)

    def receive_mark(self, asked: int) -> int:
        """Return the RCVHWM that lets `asked` messages wait; 0 means no limit.

        A peer's user id counts as one more message in its pipe, and libzmq never
        subtracts it.
        """
        return asked + 1 if asked and self.policy is not None and self.policy.names else asked

    def check_role(self, verb: str) -> None:
        """Raise RunError when an address to `bind` or `connect` contradicts the side's role.

        With PLAIN or CURVE a side is either the server or the client of its handshakes.
        """
        found = mechanism(self._side)
        plays = self._side.binds if verb == "bind" else self._side.connects
        if found != "null" and not plays:
            does = "binds" if verb == "connect" else "connects"
            raise RunError(
                f"cannot {verb}: a side with {found.upper()} binds or connects, not both; "
                f"this one {does}"
            )

    def reload(self) -> None:
        """Read users and authorized keys again; connected peers stay.

        UsageError says what is wrong, and then nothing changes.
        """
        self.read_again()()

    def read_again(self) -> Callable[[], None]:
        """Read the files again; calling the result puts them into force."""
        policy = material.read(self._side).policy

        def put() -> None:
            if self._registration is not None and policy is not None:
                self._registration.policy = policy

        return put

    @property
    def policy(self) -> Policy | None:
        """Return the policy; None for a side without restrictions."""
        return self._registration.policy if self._registration is not None else None

    def refusals(self) -> dict[str, int]:
        """Return how many peers were refused, by reason."""
        return self._refusals.read()

    def refuse(self, reason: str, text: str, address: str, now: float) -> None:
        """Count and log a refusal that other code has decided."""
        self._refusals.add(reason, text, address, now)

    def count(self, reason: str) -> None:
        """Count a refusal that other code has decided and logs."""
        self._refusals.count(reason)

    def connection_opened(self, connection: Connection) -> None:
        """Count a new connection, and cut one if there are too many."""
        excess = self.census.opened(connection)
        if excess is not None and excess.connection.cut():
            address = excess.connection.address
            self.refuse("connections", excess.why, address, time.monotonic())

    def connection_closed(self, descriptor: int) -> None:
        """Note that a connection has ended."""
        self.census.closed(descriptor)

    def close(self) -> None:
        """Unregister, after the socket is closed. A second call does nothing."""
        if self._registration is not None:
            _withdraw(self._context, self._domain)


def _register(context: zmq.Context[Any], domain: str, registration: Registration) -> None:
    with _lock:
        handler = _handlers.get(context)
        if handler is None:
            handler = Handler(context)
            handler.start()
            _handlers[context] = handler
        handler.sides[domain] = registration


def _withdraw(context: zmq.Context[Any], domain: str) -> None:
    with _lock:
        handler = _handlers.get(context)
        if handler is None or not handler.leave(domain):
            return
        if not handler.sides:
            handler.stop()
            del _handlers[context]
