"""Counting and reporting peers by monitor events. No socket, no clock.

libzmq names the descriptor when a connection opens and when it ends, but not when its handshake
succeeds. A connection that ends without a failure event may still have been in its handshake (a
wrong socket type ends so). A handshake takes milliseconds, but with a silent peer it lasts seconds.
So a success is taken for that of the newest connection that waits for one.

For peers that speak ZMTP 1.0 or 2.0 no success is reported at all, and their end looks like a
failed handshake. They are recognized by the bytes sent and received, or because they stay longer
than a handshake may take.

A connection made by this end on which something came that is not ZMTP, or more than maxmsgsize, is
ended, and libzmq never makes it again. It differs from one that comes back only in that no retry is
announced; then it is reported as failed. A host name is the address only until it is resolved; then
libzmq uses the number.
"""

from __future__ import annotations

import errno
import itertools
from dataclasses import dataclass, field

import zmq

from zmqdev.device.hangup import GREETING, UNKNOWN, HangupEnd
from zmqdev.stats.snapshot import MOST_ADDRESSES, PeerCounts

FAILED = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
    zmq.EVENT_HANDSHAKE_FAILED_AUTH,
)
OPENED = (zmq.EVENT_ACCEPTED, zmq.EVENT_CONNECTED)
# Seconds; longer than any handshake, for which zmqdev's limit is 5 s.
SETTLED = 6.0
# Seconds. libzmq announces at once that it tries again; after this time it will not.
GIVEN_UP = 1.0
BROKEN = "what came was not ZMTP, or longer than maxmsgsize, and the connection was ended"
NO_REASON = "the connection ended during the handshake"
MISMATCH = "socket types that do not talk to each other, or the peer hung up"
TYPES = "socket types that do not talk to each other"
EITHER = "ZMTP 2.0 or older, or socket types that do not talk to each other"
TOO_OLD = "speaks ZMTP 2.0 or older, or no ZMTP; PLAIN, CURVE, allow and deny need 3.0"
OLD = "ZMTP 2.0 or older"
NO_DESCRIPTOR = "no file descriptor was left for a connection, which waits with the system"
_AUTH = {
    300: "authentication: a temporary error at the server",
    400: "authentication: refused by the server",
    500: "authentication: the server's authenticator failed",
}
_PROTOCOL: dict[int, str] = {
    zmq.PROTOCOL_ERROR_ZMTP_UNSPECIFIED: "not ZMTP, or an older protocol",
    zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH: "the two sides use different security mechanisms",
    zmq.PROTOCOL_ERROR_ZMTP_INVALID_METADATA: TYPES,
    zmq.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC: "wrong key",
    zmq.PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE: "the key exchange failed",
    zmq.PROTOCOL_ERROR_ZAP_UNSPECIFIED: "the authenticator gave a malformed answer",
}

# The reasons for machines, each one word.
_WORDS = {
    BROKEN: "not_zmtp",
    NO_REASON: "hung_up",
    MISMATCH: "socket_type",
    TYPES: "socket_type",
    EITHER: "socket_type",
    TOO_OLD: "old_protocol",
    NO_DESCRIPTOR: "no_descriptor",
    _AUTH[300]: "authenticator",
    _AUTH[400]: "denied",
    _AUTH[500]: "authenticator",
    _PROTOCOL[zmq.PROTOCOL_ERROR_ZMTP_UNSPECIFIED]: "not_zmtp",
    _PROTOCOL[zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH]: "mechanism",
    _PROTOCOL[zmq.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC]: "key",
    _PROTOCOL[zmq.PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE]: "key",
    _PROTOCOL[zmq.PROTOCOL_ERROR_ZAP_UNSPECIFIED]: "authenticator",
}
_STATUS, _OTHER = "authentication: status ", "the peer broke the protocol ("
FAILURES = tuple(dict.fromkeys([*_WORDS.values(), "protocol"]))


def in_a_word(reason: str) -> str:
    """Return one of FAILURES for the reason of a failed handshake."""
    if reason.startswith(_STATUS):
        return "authenticator"
    return "protocol" if reason.startswith(_OTHER) else _WORDS.get(reason, reason)


@dataclass(frozen=True)
class PeerEvent:
    """Something that happened to a connection: `what` is connected, disconnected or failed.

    `reason` says why it ended or failed, `note` what else is known of the peer.
    """

    what: str
    address: str
    reason: str = ""
    note: str = ""


def reason_of(event: int, value: int) -> str:
    """Return the reason of a failed handshake in words."""
    if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
        return _AUTH.get(value, f"{_STATUS}{value}")
    if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
        return _PROTOCOL.get(value, f"{_OTHER}0x{value:x})")
    return NO_REASON


def _reason_unsaid(ending: HangupEnd, asks: bool) -> str:
    """Return why this end ended a handshake for which libzmq gives no reason.

    Old peers are served where no mechanism is asked for. A peer of ZMTP 3 may have sent its whole
    part before it was answered.
    """
    if not ending.here or ending.sent is None or ending.received is None:
        return EITHER if asks else MISMATCH
    if not asks or ending.sent >= GREETING:
        return TYPES
    return EITHER if ending.received >= GREETING else TOO_OLD


@dataclass
class _Left:
    """Where a connection of this end ended, and when; `names` are libzmq's names of that
    address."""

    address: str
    names: frozenset[str]
    at: float


@dataclass
class Tally:
    """The peers of one socket.

    `returns`: libzmq should connect again. `asks`: there is a mechanism, or networks are named.
    """

    returns: bool = True
    asks: bool = False
    _made: dict[int, str] = field(default_factory=dict)  # made by this end, and to which address
    _left: list[_Left] = field(default_factory=list)
    _tries: set[str] = field(default_factory=set)  # where libzmq has said that it connects again
    _asked: dict[str, str] = field(default_factory=dict)  # resolved address -> host name
    _open: dict[int, str] = field(default_factory=dict)  # remote addresses, oldest first
    _waiting: dict[int, float] = field(default_factory=dict)  # in their handshake, and since when
    _accepted: int = 0
    _failed: int = 0
    _reasons: dict[str, int] = field(default_factory=dict)
    _old: set[int] = field(default_factory=set)  # of ZMTP 1.0 or 2.0
    _failure: bool = False  # the next disconnection belongs to the failure just seen
    _unsure: bool = False  # and it is one of a handshake, or of an old peer

    def take(
        self,
        number: int,
        value: int,
        address: str,
        remote: str = "",
        now: float = 0.0,
        ending: HangupEnd = UNKNOWN,
    ) -> PeerEvent | None:
        """Handle an event; connected means that the ZMTP handshake is done."""
        address = self._asked.get(address, address)
        if number in OPENED:
            self._opened(value, address, remote, now, made=number == zmq.EVENT_CONNECTED)
            return None
        if number == zmq.EVENT_CONNECT_RETRIED:
            self._tries.add(address)
            self._comes_back(address)
            return None
        if number == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._accepted += 1
            found = self._one_succeeded()
            return PeerEvent("connected", self._name(found, address))
        if number == zmq.EVENT_DISCONNECTED:
            return self._ended(value, address, now, ending)
        self._failure = True
        if number == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            self._unsure = True
            return None
        return self._fail(address, reason_of(number, value))

    def not_accepted(self, address: str, number: int) -> PeerEvent | None:
        """Handle a connection that could not be accepted.

        It is a failure only if no descriptor was left, not if the peer has gone again.
        """
        known = number in (errno.EMFILE, errno.ENFILE)
        return self._fail(address, NO_DESCRIPTOR) if known else None

    def old(self, descriptor: int) -> PeerEvent | None:
        """Count a peer that waits for its handshake as connected, as it speaks an old protocol."""
        if self._waiting.pop(descriptor, None) is None:
            return None
        self._accepted += 1
        self._old.add(descriptor)
        return PeerEvent("connected", self._name(descriptor, ""), note=OLD)

    def waiting(self, now: float, pause: float) -> list[int]:
        """Return the connections that have been in their handshake for longer than `pause`."""
        return [number for number, since in self._waiting.items() if now - since >= pause]

    def given_up(self, now: float) -> list[PeerEvent]:
        """Return events for addresses that libzmq has silently given up, each once."""
        if not self._left:
            return []
        over = [left for left in self._left if now - left.at >= GIVEN_UP]
        self._left = [left for left in self._left if left not in over]
        return [PeerEvent("failed", left.address, BROKEN) for left in over]

    def is_seen_to(self, address: str) -> bool:
        """Return whether there is a connection to this address, or libzmq is making one."""
        return address in self._tries or address in self._made.values()

    @property
    def in_doubt(self) -> bool:
        """Whether more will be known after some time, of a handshake or an ended connection."""
        return bool(self._left or self._waiting)

    def _opened(self, value: int, address: str, remote: str, now: float, *, made: bool) -> None:
        self._forget(value)
        self._open[value] = remote or address
        self._waiting[value] = now
        self._comes_back(address)
        if made:
            self._tries.discard(address)
            self._made[value] = address
            if remote and remote != address:
                self._asked[remote] = address

    def _comes_back(self, address: str) -> None:
        for left in self._left:
            if address in left.names:
                self._left.remove(left)
                return

    def _name(self, descriptor: int | None, address: str) -> str:
        """Return the name of a peer: the address to which this end connects, or its own."""
        if descriptor is None:
            return address
        return self._made.get(descriptor) or self._open.get(descriptor) or address

    def _ended(
        self, descriptor: int, address: str, now: float, ending: HangupEnd
    ) -> PeerEvent | None:
        event = self._judge_end(descriptor, address, now, ending)
        self._forget(descriptor)
        return event

    def _forget(self, descriptor: int) -> str:
        self._waiting.pop(descriptor, None)
        self._made.pop(descriptor, None)
        self._old.discard(descriptor)
        return self._open.pop(descriptor, "")

    def _judge_end(
        self, descriptor: int, address: str, now: float, ending: HangupEnd
    ) -> PeerEvent | None:
        handshaken = descriptor in self._open and descriptor not in self._waiting
        remote = self._name(descriptor, address)
        failure, unsure = self._failure, self._unsure
        self._failure = self._unsure = False
        if not handshaken and ending.visit and descriptor not in self._made:
            return None
        if unsure and ending.old:
            self.old(descriptor)  # it came and went before it was looked at
        if descriptor not in self._old:
            if failure:
                if handshaken:  # the success belonged to another connection
                    self._one_succeeded()
                return self._fail(remote, NO_REASON) if unsure else None
            if not handshaken:
                return self._fail(remote, _reason_unsaid(ending, self.asks))
        if self.returns and descriptor in self._made:
            names = frozenset({self._made[descriptor], self._open[descriptor]})
            self._left.append(_Left(self._made[descriptor], names, now))
        return PeerEvent("disconnected", remote)

    def _one_succeeded(self) -> int | None:
        return self._waiting.popitem()[0] if self._waiting else None

    def _fail(self, address: str, reason: str) -> PeerEvent:
        self._failed += 1
        self._reasons[reason] = self._reasons.get(reason, 0) + 1
        return PeerEvent("failed", address, reason)

    @property
    def _connected(self) -> int:
        return len(self._open) - len(self._waiting)

    @property
    def connected(self) -> int:
        """Return how many have done their handshake. Any thread."""
        return min(self._connected, self._accepted)

    def connections(self) -> dict[int, str]:
        """Return {descriptor: address} of all connections."""
        return dict(self._open)

    def gone(self, descriptor: int) -> PeerEvent:
        """Handle a connection that this end has closed, which libzmq does not report."""
        return PeerEvent("disconnected", self._forget(descriptor))

    def counts(self, now: float = 0.0) -> PeerCounts:
        """Return the counts.

        In a storm of bad handshakes a guess may have been wrong. It is corrected here: a peer that
        is here longer than a handshake may take has finished its own.
        """
        late = [number for number, since in self._waiting.items() if now - since > SETTLED]
        for number in late[: max(0, self._accepted - self._connected)]:
            del self._waiting[number]
        connected = self.connected
        return PeerCounts(
            connected=connected,
            accepted=self._accepted,
            disconnects=self._accepted - connected,
            failed_handshakes=self._failed,
            reasons=dict(self._reasons),
            addresses=tuple(itertools.islice(self._open.values(), MOST_ADDRESSES)),
        )
