"""Accounts of subscriptions by peer: a subscription in, a verdict out.

Every subscription and unsubscription of every connection is counted as libzmq counts
them: a connection holds a topic once, however often it asks. What goes upstream follows
this count: a topic goes up with its first holder and down with its last one. So a topic
that was refused to one is passed on for the next.

- A connection that exceeds a limit of its own is cut and holds nothing afterwards.
- Above a common limit, the address that holds more than its share pays: that of the asker
  if it does, else the one that holds the most. Of that address one connection is cut, by
  the same rule. So neither a few large connections nor many small ones of one address
  crowd others out, and a newcomer with few topics is never cut.
- The changes of a connection within a time are limited too, because subscribing and
  unsubscribing without pause holds nothing but costs as much.
- Unsubscriptions that libzmq makes for a peer that has gone do not name it. They only
  show that some peer has gone; `release` ends the accounts of those that have.
- Frames without a connection (from peers in this process, and of ZMTP 1.0 and 2.0)
  share one account, in which a topic is held as often as it was asked for.

Each byte of a topic costs a node in libzmq's tries, so bytes are counted as well as
topics.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

T = TypeVar("T")

SUBSCRIBE, UNSUBSCRIBE = 1, 0
# Seconds after which the count of a connection's changes begins again.
WINDOW = 10.0
# A change counts once, and once more for each so many bytes of its topic.
BYTES_PER_CHANGE = 64
# A connection may change what it holds this often, in addition to the number for each.
TIMES = 3


class SubscriptionVerdict(Enum):
    """What happens to a frame from a subscriber."""

    PASS = "passed on"
    REPEATED = "held already by another: passed on where repetitions are wanted"
    DROP = "it changes nothing"
    NOT_SUBSCRIPTION = "no subscription"
    TOO_LONG = "the topic is too long"
    CUT = "too much: the connection is cut"


@dataclass(frozen=True)
class SubscriptionLimits:
    """Limits; 0 means none. Sizes are bytes of topics; `changes_per_peer` is for each WINDOW."""

    topic_length: int = 0
    count: int = 0
    count_per_peer: int = 0
    size: int = 0
    size_per_peer: int = 0
    changes_per_peer: int = 0


@dataclass(eq=False)
class Account:
    """What one connection holds. `since` is when the count of its changes began. `host` is
    the address that it comes from; without one it is counted alone."""

    host: str = ""
    topics: set[bytes] = field(default_factory=set, repr=False)
    size: int = 0
    changes: int = 0
    since: float = 0.0
    cut: str = ""
    """Why it was cut."""

    def may_hold(self, amount: int, size: int, limits: SubscriptionLimits) -> bool:
        """Whether it stays within its own limits with so much more."""
        return not (
            _over(len(self.topics) + amount, limits.count_per_peer)
            or _over(self.size + size, limits.size_per_peer)
        )


@dataclass
class Subscriptions:
    """The accounts of one forwarder.

    `payer` is set with each verdict CUT, and with a PASS for which another connection
    is cut.
    """

    limits: SubscriptionLimits
    size: int = 0
    payer: Account | None = None
    accounts: dict[Account, None] = field(default_factory=dict, repr=False)
    _holders: Counter[bytes] = field(default_factory=Counter, repr=False)
    _unnamed: Counter[bytes] = field(default_factory=Counter, repr=False)
    _lost: Counter[bytes] = field(default_factory=Counter, repr=False)

    def __len__(self) -> int:
        return len(self._holders)

    def open(self, now: float, host: str = "") -> Account:
        """Open the account of a new connection."""
        account = Account(host, since=now)
        self.accounts[account] = None
        return account

    def take(
        self, frame: bytes, account: Account | None, now: float, allowed: bool = True
    ) -> SubscriptionVerdict:
        """Take a frame from a connection, or from None. `allowed`: it has a right to the topic.

        A frame for an account that was cut changes nothing.
        """
        self.payer = None
        if account is None:
            return self._take_unnamed(frame)
        if account.cut:
            return SubscriptionVerdict.DROP
        if self._changes_too_much(account, len(frame), now):
            return self._cut(account, "it changes its subscriptions too fast")
        if frame[:1] not in (b"\x00", b"\x01"):
            return SubscriptionVerdict.NOT_SUBSCRIPTION
        topic = frame[1:]
        if frame[0] == UNSUBSCRIBE:
            return self._unsubscribe(topic, account)
        if _over(len(topic), self.limits.topic_length):
            return SubscriptionVerdict.TOO_LONG
        if not allowed:
            return SubscriptionVerdict.DROP
        return self._subscribe(topic, account)

    def release(self, account: Account) -> list[bytes]:
        """Close the account of a connection; return the topics that have no holder any more."""
        self.accounts.pop(account, None)
        return [topic for topic in self._clear(account) if self._let_go(topic)]

    def settle(self) -> list[bytes]:
        """Handle unsubscriptions without a connection; return topics that have no holder any more.

        Those that belong to connections that have ended are ignored, so call it after
        `release` of these.
        """
        gone = []
        for topic, times in self._lost.items():
            for _ in range(min(times, self._unnamed[topic])):
                self._unnamed[topic] -= 1
                if self._let_go(topic):
                    gone.append(topic)
        self._lost.clear()
        self._unnamed = +self._unnamed
        return gone

    def largest_changer(self, now: float) -> Account | None:
        """Return the connection whose changes exceed what it holds by most, or None.

        It must be more than a tenth of what it may change. This is for when all
        together change more than can be passed on; many that subscribe to much at once
        hold it, and are not to blame.
        """
        recent = [it for it in self.accounts if not it.cut and now - it.since < WINDOW]
        found = max(recent, key=_to_and_fro, default=None)
        if found is None or _to_and_fro(found) * 10 <= self.limits.changes_per_peer:
            return None
        return found

    def _take_unnamed(self, frame: bytes) -> SubscriptionVerdict:
        """Take a frame without connection.

        Such a peer cannot be identified and cut; its further subscriptions are dropped.
        """
        if frame[:1] not in (b"\x00", b"\x01"):
            return SubscriptionVerdict.NOT_SUBSCRIPTION
        topic = frame[1:]
        if frame[0] == UNSUBSCRIBE:
            if topic in self._unnamed:
                self._lost[topic] += 1
            return SubscriptionVerdict.DROP
        if _over(len(topic), self.limits.topic_length):
            return SubscriptionVerdict.TOO_LONG
        if topic not in self._holders and self._excess(len(topic)):
            return SubscriptionVerdict.DROP
        self._unnamed[topic] += 1
        return self._hold(topic)

    def _changes_too_much(self, account: Account, size: int, now: float) -> bool:
        if now - account.since >= WINDOW:
            account.changes, account.since = 0, now
        account.changes += 1 + size // BYTES_PER_CHANGE
        if not _over(account.changes, self.limits.changes_per_peer):
            return False
        held = len(account.topics) + account.size // BYTES_PER_CHANGE
        return account.changes > self.limits.changes_per_peer + TIMES * held

    def _subscribe(self, topic: bytes, account: Account) -> SubscriptionVerdict:
        if topic in account.topics:
            return SubscriptionVerdict.REPEATED
        if not account.may_hold(1, len(topic), self.limits):
            return self._cut(account, "too many subscriptions")
        if topic not in self._holders and self._excess(len(topic)):
            payer = self._who_pays(account, len(topic))
            self._cut(payer, "all together have too many subscriptions, and it holds most of them")
            if payer is account:
                return SubscriptionVerdict.CUT
        account.topics.add(topic)
        account.size += len(topic)
        return self._hold(topic)

    def _unsubscribe(self, topic: bytes, account: Account) -> SubscriptionVerdict:
        if topic not in account.topics:
            return SubscriptionVerdict.DROP
        account.topics.remove(topic)
        account.size -= len(topic)
        return SubscriptionVerdict.PASS if self._let_go(topic) else SubscriptionVerdict.DROP

    def _hold(self, topic: bytes) -> SubscriptionVerdict:
        self._holders[topic] += 1
        if self._holders[topic] > 1:
            return SubscriptionVerdict.REPEATED
        self.size += len(topic)
        return SubscriptionVerdict.PASS

    def _let_go(self, topic: bytes) -> bool:
        """Remove one holder; return whether it was the last one."""
        self._holders[topic] -= 1
        if self._holders[topic]:
            return False
        del self._holders[topic]
        self.size -= len(topic)
        return True

    def _excess(self, size: int) -> bool:
        limits = self.limits
        return _over(len(self._holders) + 1, limits.count) or _over(self.size + size, limits.size)

    def _who_pays(self, account: Account, size: int) -> Account:
        """Return the asker if it would have more than its share, else the largest holder."""
        limits = self.limits
        by_count = _over(len(self._holders) + 1, limits.count)
        limit, more = (limits.count, 1) if by_count else (limits.size, size)
        amounts = {it: len(it.topics) if by_count else it.size for it in self.accounts if it.topics}
        amounts[account] = amounts.get(account, 0) + more
        hosts: Counter[Hashable] = Counter()
        for it, amount in amounts.items():
            hosts[it.host or it] += amount
        host = _payer(hosts, account.host or account, limit)
        within = {it: amount for it, amount in amounts.items() if (it.host or it) == host}
        if account not in within:
            return max(within, key=within.__getitem__)
        return _payer(within, account, hosts[host])

    def _cut(self, account: Account, why: str) -> SubscriptionVerdict:
        account.cut = why
        self.payer = account
        return SubscriptionVerdict.CUT

    def _clear(self, account: Account) -> Iterable[bytes]:
        topics, account.topics, account.size = account.topics, set(), 0
        for topic in topics:
            if topic in self._lost:
                self._lost[topic] -= 1
        return topics


def _payer(amounts: Mapping[T, int], asker: T, limit: int) -> T:
    """Return the asker if it has more than its share of the limit or the most, else the one
    that has the most."""
    others = {it: amount for it, amount in amounts.items() if it != asker}
    largest = max(others, key=others.__getitem__, default=asker)
    own = amounts[asker]
    return asker if own * len(amounts) > limit or own >= amounts[largest] else largest


def _to_and_fro(account: Account) -> int:
    return account.changes - len(account.topics) - account.size // BYTES_PER_CHANGE


def _over(value: int, limit: int) -> bool:
    return bool(limit) and value > limit
