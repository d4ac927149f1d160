"""Who is connected to a socket, from its monitor events.

An unread monitor freezes the whole context after about 700 connections (T4):
the monitor's PAIR has no high-water mark and is drained in every turn of the
loop, also when nobody asks. At the end: disable the monitor, close the PAIR,
close the socket.

libzmq names the descriptor when a connection opens and when it ends, but not
when its handshake succeeds; a connection that ends without a failure event may
have been in its handshake still (a wrong socket type ends so). A handshake takes
milliseconds, and who is silent keeps it up for seconds. So it is taken for that
of the newest connection that waits for one.

A connection of ours over which something came that is not ZMTP, or more than
maxmsgsize, is ended, and libzmq never makes it again. All that tells it from
one that comes back is that no try is announced; then it is said to have failed.
"""

from __future__ import annotations

import itertools
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import zmq

from zmqdev.device.hangup import Hangups
from zmqdev.device.socket import events
from zmqdev.security.guard import Guard
from zmqdev.stats.snapshot import PeerCounts
from zmqdev.system.descriptor import remote_of

_FAILED = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
    zmq.EVENT_HANDSHAKE_FAILED_AUTH,
)
_OPENED = (zmq.EVENT_ACCEPTED, zmq.EVENT_CONNECTED)
_EVENTS = sum(
    (
        *(*_FAILED, *_OPENED, zmq.EVENT_DISCONNECTED, zmq.EVENT_HANDSHAKE_SUCCEEDED),
        zmq.EVENT_CONNECT_RETRIED,
    )
)
# Longer than any handshake: zmqdev's own limit for them is 5 s.
SETTLED = 6.0
# libzmq says at once that it tries again. After this it will not.
GIVEN_UP = 1.0
BROKEN = "what came was not ZMTP, or longer than maxmsgsize, and the connection was ended"
NO_REASON = "the connection ended during the handshake"
TOO_LONG = "it sent a topic that is too long, or no ZMTP; hung up on it"
MISMATCH = "socket types that do not talk to each other, or the peer hung up"
_names = itertools.count()
# Enough to show who is there; counts go on beyond it.
MOST_ADDRESSES = 1000
_AUTH = {
    300: "authentication: a temporary error at the server",
    400: "authentication: refused by the server",
    500: "authentication: the server's authenticator failed",
}
_PROTOCOL: dict[int, str] = {
    zmq.PROTOCOL_ERROR_ZMTP_UNSPECIFIED: "not ZMTP, or an older protocol",
    zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH: "the two sides use different security mechanisms",
    zmq.PROTOCOL_ERROR_ZMTP_INVALID_METADATA: "socket types that do not talk to each other",
    zmq.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC: "wrong key",
    zmq.PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE: "the key exchange failed",
    zmq.PROTOCOL_ERROR_ZAP_UNSPECIFIED: "the authenticator gave a malformed answer",
}


@dataclass(frozen=True)
class PeerEvent:
    """Something that happened to a connection: `what` is connected, disconnected or failed."""

    what: str
    address: str
    reason: str = ""


def reason_of(event: int, value: int) -> str:
    """A failed handshake in words."""
    if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
        return _AUTH.get(value, f"authentication: status {value}")
    if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
        return _PROTOCOL.get(value, f"the peer broke the protocol (0x{value:x})")
    return NO_REASON


class PeerWatch:
    """The monitor of one socket. Made in the socket's thread, read by one other thread."""

    def __init__(self, socket: zmq.Socket[bytes], guard: Guard | None = None) -> None:
        self.name = f"inproc://zmqdev-monitor-{next(_names)}"
        socket.monitor(self.name, _EVENTS)
        self._socket = socket
        self._guard = guard
        self.pair: zmq.Socket[bytes] = socket.context.socket(zmq.PAIR)
        self.pair.set(zmq.RCVHWM, 0)
        self.pair.set(zmq.LINGER, 0)
        self.pair.connect(self.name)
        # Subscribers are the ones whose frames are so short that good ones may be too long.
        self._hangups = Hangups() if socket.type in (zmq.PUB, zmq.XPUB) else None
        self.tally = Tally(returns=int(socket.get(zmq.RECONNECT_IVL)) > 0)

    def drain(
        self, tell: Callable[[PeerEvent], Any] = lambda event: None, most: int = sys.maxsize
    ) -> bool:
        """Read the events that are there, `most` of them at a time. True when something came."""
        came = False
        for _ in range(most):
            if not events(self.pair) & zmq.POLLIN:
                break
            head, address = self.pair.recv_multipart()
            number, value = struct.unpack("=HI", head)
            remote = remote_of(value) if number in _OPENED else ""
            self._tell_guard(number, value, remote)
            where = address.decode(errors="replace")
            hung_up = self._follow(number, value)
            event = self.tally.take(number, value, where, remote, time.monotonic())
            if hung_up and event is not None and event.what == "disconnected":
                event = self._told(event)
            came = True
            if event is not None:
                tell(event)
        self.look(time.monotonic(), tell)
        return came

    def look(self, now: float, tell: Callable[[PeerEvent], Any]) -> None:
        """What no event says. For who calls `drain` only when something has come."""
        for event in self.tally.given_up(now):
            tell(event)

    @property
    def in_doubt(self) -> bool:
        """Whether a connection of ours has ended and may not be made again: `drain` once more
        after GIVEN_UP, also when nothing comes."""
        return bool(self.tally._left)

    @property
    def counts(self) -> PeerCounts:
        """As of the last `drain`."""
        return self.tally.counts(time.monotonic())

    def _tell_guard(self, number: int, value: int, remote: str) -> None:
        if self._guard is None:
            return
        if number == zmq.EVENT_ACCEPTED:
            self._guard.connection_opened(value, remote)
        elif number == zmq.EVENT_DISCONNECTED:
            self._guard.connection_closed(value)

    def _follow(self, number: int, value: int) -> bool:
        """Whether this is the end of a connection that we hung up."""
        if self._hangups is None:
            return False
        if number == zmq.EVENT_ACCEPTED:
            self._hangups.opened(value)
        return number == zmq.EVENT_DISCONNECTED and self._hangups.ended(value)

    def _told(self, event: PeerEvent) -> PeerEvent:
        if self._guard is not None:
            self._guard.refuse("frame", TOO_LONG, event.address, time.monotonic())
        return PeerEvent(event.what, event.address, TOO_LONG)

    def let_go(self) -> None:
        """Before connections are ended that libzmq does not tell of."""
        if self._hangups is not None:
            self._hangups.let_go()

    def connections(self) -> dict[int, str]:
        """descriptor -> address of all that is connected, handshakes under way included."""
        return self.tally.connections()

    def disable(self) -> None:
        """In the socket's thread, before `close`."""
        if not self._socket.closed:
            self._socket.disable_monitor()

    def close(self) -> None:
        self.let_go()
        self.pair.close(0)


class Tally:
    """Monitor events to counts, with no socket. `returns`: libzmq should connect again."""

    def __init__(self, returns: bool = True) -> None:
        self._returns = returns
        self._made: set[int] = set()  # descriptors of connections that we made
        self._left: dict[str, float] = {}  # where one of them ended, and when
        self._open: dict[int, str] = {}  # descriptor -> remote address, oldest first
        self._waiting: dict[int, float] = {}  # in their handshake, and since when
        self._accepted = self._failed = 0
        self._reasons: dict[str, int] = {}
        self._failure = False  # the next disconnection belongs to the failure just seen

    def take(
        self, number: int, value: int, address: str, remote: str = "", now: float = 0.0
    ) -> PeerEvent | None:
        """One event. Connected means that the ZMTP handshake is done."""
        if number in _OPENED:
            self._open.pop(value, None)
            self._open[value] = remote or address
            self._waiting.pop(value, None)
            self._waiting[value] = now
            self._left.pop(address, None)
            (self._made.add if number == zmq.EVENT_CONNECTED else self._made.discard)(value)
            return None
        if number == zmq.EVENT_CONNECT_RETRIED:
            self._left.pop(address, None)
            return None
        if number == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._accepted += 1
            self._one_succeeded()
            return PeerEvent("connected", address)
        if number == zmq.EVENT_DISCONNECTED:
            return self._ended(value, address, now)
        self._failure = True
        return self._fail(address, reason_of(number, value))

    def given_up(self, now: float) -> list[PeerEvent]:
        """Addresses that libzmq has silently stopped to connect to; each is told once."""
        if not self._left:
            return []
        over = [where for where, since in self._left.items() if now - since >= GIVEN_UP]
        for where in over:
            del self._left[where]
        return [PeerEvent("failed", where, BROKEN) for where in over]

    def _ended(self, descriptor: int, address: str, now: float) -> PeerEvent | None:
        handshaken = self._was_handshaken(descriptor)
        remote = self._open.pop(descriptor, address)
        self._waiting.pop(descriptor, None)
        failure, self._failure = self._failure, False
        if failure:
            if handshaken:  # what was taken for its success was that of another
                self._one_succeeded()
            return None
        if not handshaken:
            return self._fail(remote, MISMATCH)
        if self._returns and descriptor in self._made:
            self._left[address] = now
        return PeerEvent("disconnected", remote)

    def _was_handshaken(self, descriptor: int) -> bool:
        return descriptor in self._open and descriptor not in self._waiting

    def _one_succeeded(self) -> None:
        if self._waiting:
            self._waiting.popitem()

    def _fail(self, address: str, reason: str) -> PeerEvent:
        self._failed += 1
        self._reasons[reason] = self._reasons.get(reason, 0) + 1
        return PeerEvent("failed", address, reason)

    @property
    def _connected(self) -> int:
        return len(self._open) - len(self._waiting)

    def connections(self) -> dict[int, str]:
        return dict(self._open)

    def gone(self, descriptor: int) -> PeerEvent:
        """A connection that we ended ourselves, of which libzmq tells nothing."""
        self._waiting.pop(descriptor, None)
        return PeerEvent("disconnected", self._open.pop(descriptor, ""))

    def counts(self, now: float = 0.0) -> PeerCounts:
        """What was counted. In a storm of bad handshakes a guess may have been wrong; what is
        sure puts it right: who is here longer than a handshake may take has had its own."""
        late = [number for number, since in self._waiting.items() if now - since > SETTLED]
        for number in late[: max(0, self._accepted - self._connected)]:
            del self._waiting[number]
        connected = min(self._connected, self._accepted)
        return PeerCounts(
            connected=connected,
            accepted=self._accepted,
            disconnects=self._accepted - connected,
            failed_handshakes=self._failed,
            reasons=dict(self._reasons),
            addresses=tuple(itertools.islice(self._open.values(), MOST_ADDRESSES)),
        )
