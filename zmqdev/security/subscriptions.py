"""What subscribers may ask of a forwarder, kept as accounts: a subscription in, a verdict out.

Each byte of a topic costs a node in libzmq's tries, below and above, so bytes
are counted beside subscriptions. A topic has one account: the connection that
asked first. libzmq tells of a peer that has gone by unsubscribing its topics,
with no word of whose they were, so the account finds that out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

SUBSCRIBE, UNSUBSCRIBE = 1, 0


class Verdict(Enum):
    """What becomes of a message from a subscriber."""

    PASS = "passed on"
    DROP = "dropped: it changes nothing upstream"
    NOT_SUBSCRIPTION = "no subscription"
    TOO_LONG = "the topic is too long"
    CUT = "too many subscriptions: the connection is cut"


@dataclass(frozen=True)
class SubscriptionLimits:
    """0 is no limit. Sizes are bytes of topics."""

    topic_length: int = 0
    count: int = 0
    count_per_peer: int = 0
    size: int = 0
    size_per_peer: int = 0


@dataclass
class Subscriptions:
    """The accounts of one forwarder."""

    limits: SubscriptionLimits
    size: int = 0
    _accounts: dict[int, int] = field(default_factory=dict, repr=False)
    _opened: int = 0
    _owners: dict[bytes, int] = field(default_factory=dict, repr=False)
    _counts: Counter[int] = field(default_factory=Counter, repr=False)
    _sizes: Counter[int] = field(default_factory=Counter, repr=False)

    def __len__(self) -> int:
        return len(self._owners)

    def take(self, message: bytes, whole: bool, connection: int) -> Verdict:
        """A message from a subscriber. `whole`: it has one frame; `connection`: its descriptor."""
        if not whole or message[:1] not in (b"\x00", b"\x01"):
            return Verdict.NOT_SUBSCRIPTION
        topic = message[1:]
        if message[0] == UNSUBSCRIBE:
            return self._forget(topic)
        if self.limits.topic_length and len(topic) > self.limits.topic_length:
            return Verdict.TOO_LONG
        if topic in self._owners:
            return Verdict.PASS
        account = self._account(connection)
        if self._crosses(len(topic), account):
            return Verdict.CUT
        self._owners[topic] = account
        self._counts[account] += 1
        self._sizes[account] += len(topic)
        self.size += len(topic)
        return Verdict.PASS

    def disown(self, connection: int) -> None:
        """The connection has ended, though libzmq has not yet unsubscribed its topics: the next
        one with its descriptor is another peer, and begins with an account of its own."""
        self._accounts.pop(connection, None)

    def _account(self, connection: int) -> int:
        if connection not in self._accounts:
            self._opened += 1
            self._accounts[connection] = self._opened
        return self._accounts[connection]

    def _crosses(self, size: int, account: int) -> bool:
        limits = self.limits
        return (
            _over(len(self._owners) + 1, limits.count)
            or _over(self.size + size, limits.size)
            or _over(self._counts[account] + 1, limits.count_per_peer)
            or _over(self._sizes[account] + size, limits.size_per_peer)
        )

    def _forget(self, topic: bytes) -> Verdict:
        account = self._owners.pop(topic, None)
        if account is None:
            return Verdict.DROP
        self.size -= len(topic)
        self._sizes[account] -= len(topic)
        self._counts[account] -= 1
        if not self._counts[account]:
            del self._counts[account], self._sizes[account]
        return Verdict.PASS


def _over(value: int, limit: int) -> bool:
    return bool(limit) and value > limit
