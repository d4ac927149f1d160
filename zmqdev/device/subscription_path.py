"""A forwarder's way upstream: each subscription is looked at before it is passed on.

The relay carries the data; subscriptions are few, need their peer's
connection and name, and take this way between two short runs of it. What
crosses a limit costs its sender the connection, which makes libzmq forget all
it had subscribed to. With rights, the XPUB is manual: a subscription counts
when it is granted, and not before.
"""

from __future__ import annotations

import time
from typing import Any, cast

import zmq

from zmqdev.device.socket import OpenSocket
from zmqdev.options.device import Limits
from zmqdev.relay import Counters
from zmqdev.relay.counters import ROWS, WIDTH
from zmqdev.security.acl import Rights
from zmqdev.security.connections import cut
from zmqdev.security.policy import ANONYMOUS
from zmqdev.security.subscriptions import UNSUBSCRIBE, SubscriptionLimits, Subscriptions, Verdict

# Subscriptions taken between two runs of the relay: about a millisecond of work.
BURST = 200
# A run of the relay while subscriptions come, and while none do, in milliseconds: the longest
# that one waits. Fifty turns a second of this loop cost less than 1 % of a core.
BUSY_MS, CALM_MS = 1, 20
NO_CONNECTION = -1
BACKWARD = 1
_DROPS = {
    Verdict.NOT_SUBSCRIPTION: ROWS["not_subscription"],
    Verdict.TOO_LONG: ROWS["topic_too_long"],
}


class Subscribing:
    """Used in the engine's thread alone. `rights` may be replaced from any thread, by others.

    With rights the backend has XPUB_MANUAL set since before it was bound.
    """

    def __init__(
        self,
        frontend: OpenSocket,
        backend: OpenSocket,
        counters: Counters,
        limits: Limits,
        rights: Rights | None,
    ) -> None:
        self.rights = rights
        self.tap: zmq.Socket[bytes] | None = None
        self.turns = 0
        # Unlike a look at EVENTS it lets other threads run: the XPUB takes in all that is there
        # now, which may be much.
        self._poller = zmq.Poller()
        self._poller.register(backend.socket, zmq.POLLIN)
        # Descriptor -> which of its connections.
        self._cut_off: dict[int, int] = {}
        self._left: dict[int, int] = {}
        self._frontend, self._backend, self._counters = frontend, backend, counters
        self.accounts = Subscriptions(
            SubscriptionLimits(
                limits.topic_length,
                limits.subscriptions,
                limits.subscriptions_per_peer,
                limits.subscription_bytes,
                limits.subscription_bytes_per_peer,
            )
        )

    def turn(self) -> bool:
        """Pass some on. True when there may be more."""
        self.turns += 1
        for _ in range(BURST):
            if not self._poller.poll(0):
                return False
            self._take(self._backend.socket.recv(zmq.DONTWAIT, copy=False))
        return True

    def _take(self, frame: zmq.Frame) -> None:
        whole = not frame.more
        if not whole:
            # An ordinary message that a peer sent upstream; its rest follows at once.
            while self._backend.socket.get(zmq.RCVMORE):
                self._backend.socket.recv(zmq.DONTWAIT)
        message = frame.bytes
        connection = _connection(frame)
        self._counters.origins.note(BACKWARD, (connection,))
        if self.rights is not None and not self._granted(frame, message):
            return
        if connection in self._cut_off and self._is_late(connection):
            return
        verdict = self.accounts.take(message, whole, connection)
        if verdict is Verdict.CUT:
            self._cut(connection, frame)
        elif verdict in _DROPS:
            self._counters.cells[WIDTH + _DROPS[verdict]] += 1
        elif verdict is Verdict.PASS:
            self._pass(message)

    def _pass(self, message: bytes) -> None:
        if self.rights is not None:
            option = zmq.UNSUBSCRIBE if message[0] == UNSUBSCRIBE else zmq.SUBSCRIBE
            self._backend.socket.set(option, message[1:])
        self._frontend.socket.send(message, zmq.DONTWAIT)
        self._counters.cells[WIDTH + ROWS["messages"]] += 1
        self._counters.cells[WIDTH + ROWS["bytes"]] += len(message)
        if self.tap is not None:
            self.tap.send_multipart([b"<", message], zmq.DONTWAIT)

    def _granted(self, frame: zmq.Frame, message: bytes) -> bool:
        assert self.rights is not None
        if message[:1] != b"\x01":
            return True
        user = _property(frame, "User-Id") or ANONYMOUS
        if self.rights.may_subscribe(user, message[1:]):
            return True
        self._refuse("rights", f"{user} may not subscribe to {_shown(message[1:])}", frame)
        return False

    def _is_late(self, connection: int) -> bool:
        """Whether a message is of a connection that was cut: more of it may be on its way here.

        Once the descriptor is another peer's, what comes by it is taken for that peer's.
        """
        if self._generation(connection) == self._cut_off[connection]:
            return True
        del self._cut_off[connection]
        return False

    def _generation(self, connection: int) -> int:
        guard = self._backend.guard
        return guard.census.generation(connection) if guard is not None else 0

    def _cut(self, connection: int, frame: zmq.Frame) -> None:
        """One refusal for each connection, also for one that has ended before its turn came."""
        generation = self._generation(connection)
        if connection != NO_CONNECTION and cut(connection):
            self._cut_off[connection] = generation
            self.accounts.disown(connection)
            self._refuse("subscriptions", "too many subscriptions; its connection is cut", frame)
        elif self._left.get(connection) != generation:
            # The account stays: it takes no more of what is still to come by that connection.
            self._left[connection] = generation
            self._refuse("subscriptions", "too many subscriptions; it has left", frame)

    def _refuse(self, reason: str, text: str, frame: zmq.Frame) -> None:
        guard = self._backend.guard
        if guard is not None:
            guard.refuse(reason, text, _property(frame, "Peer-Address"), time.monotonic())


def _connection(frame: zmq.Frame) -> int:
    """The descriptor the frame came by; none when libzmq made it itself for a peer that left."""
    text = _property(frame, "__fd")
    return int(text) if text else NO_CONNECTION


def _property(frame: zmq.Frame, name: str) -> str:
    try:
        return cast(str, cast(Any, frame).get(name))
    except zmq.ZMQError:
        return ""


def _shown(topic: bytes) -> str:
    text = topic[:80].decode("utf-8", "backslashreplace")
    return repr(text) + ("..." if len(topic) > 80 else "")
