"""Accounts of subscriptions by peer: a subscription in, a verdict out.

Every subscription and unsubscription of every connection is counted, as libzmq counts them:
a connection holds a topic once, however often it asked. What goes upstream follows this
count: a topic goes up when its first holder comes and down when its last one leaves. So a
topic that was refused to one is passed for the next.

- A connection that crosses a limit of its own is cut, and holds nothing from then on.
- Above a limit of all together, one that holds more than its share is cut: the asker if that is
  so, else the largest holder. A newcomer with few topics is never the one.
- What a connection changes in a time is limited as well: subscribing and unsubscribing without
  pause holds nothing, and costs as much.
- The unsubscriptions that libzmq makes for a peer that has gone do not name it. They are a sign
  that someone has gone, and no more; `release` ends the accounts of those that have.
- What comes by no connection (peers in this process, and of ZMTP 1.0 and 2.0) has one account
  together, in which a topic is held as often as it was asked for.

Each byte of a topic costs a node in libzmq's tries, so bytes are counted beside topics.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

SUBSCRIBE, UNSUBSCRIBE = 1, 0
# Changes of a connection are counted for so many seconds, then from the beginning.
WINDOW = 10.0
# A change counts once, and once more for each so many bytes of its topic.
BYTES_PER_CHANGE = 64
# A connection may change so often what it holds, beside the number that is allowed to each.
TIMES = 3


class SubscriptionVerdict(Enum):
    """What becomes of a frame from a subscriber."""

    PASS = "passed on"
    REPEATED = "held already by another: passed on where repetitions are wanted"
    DROP = "it changes nothing"
    NOT_SUBSCRIPTION = "no subscription"
    TOO_LONG = "the topic is too long"
    CUT = "too much: the connection is cut"


@dataclass(frozen=True)
class SubscriptionLimits:
    """0 is no limit. Sizes are bytes of topics; `changes_per_peer` is for each WINDOW."""

    topic_length: int = 0
    count: int = 0
    count_per_peer: int = 0
    size: int = 0
    size_per_peer: int = 0
    changes_per_peer: int = 0


@dataclass(eq=False)
class Account:
    """What one connection holds. `since`: when its changes were last counted from none."""

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
    """The accounts of one forwarder. `payer` is set with each verdict CUT, and with a PASS for
    which another connection is to be cut."""

    limits: SubscriptionLimits
    size: int = 0
    payer: Account | None = None
    accounts: dict[Account, None] = field(default_factory=dict, repr=False)
    _holders: Counter[bytes] = field(default_factory=Counter, repr=False)
    _unnamed: Counter[bytes] = field(default_factory=Counter, repr=False)
    _lost: Counter[bytes] = field(default_factory=Counter, repr=False)

    def __len__(self) -> int:
        return len(self._holders)

    def open(self, now: float) -> Account:
        """The account of a connection that is heard of for the first time."""
        account = Account(since=now)
        self.accounts[account] = None
        return account

    def take(
        self, frame: bytes, account: Account | None, now: float, allowed: bool = True
    ) -> SubscriptionVerdict:
        """A frame from a connection; None: from none. `allowed`: it has a right to the topic.

        A frame of an account that was cut changes nothing.
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
        """Its connection has ended or is cut: the topics that nobody holds any more."""
        self.accounts.pop(account, None)
        return [topic for topic in self._clear(account) if self._let_go(topic)]

    def settle(self) -> list[bytes]:
        """Unsubscriptions that came by no connection and belong to none that has ended: the
        topics that nobody holds any more. To be called after `release` of all that have."""
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
        """The connection that has changed most beside what it holds, if that is more than a tenth
        of what it may: when all together change more than can be passed on. Many that subscribe
        at once, to much, hold it."""
        recent = [it for it in self.accounts if not it.cut and now - it.since < WINDOW]
        found = max(recent, key=_to_and_fro, default=None)
        if found is None or _to_and_fro(found) * 10 <= self.limits.changes_per_peer:
            return None
        return found

    def _take_unnamed(self, frame: bytes) -> SubscriptionVerdict:
        """A peer that cannot be told from others cannot be cut; it is passed nothing more."""
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
        """One holder less; whether it was the last one."""
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
        """The asker when it would have more than its share of what is short; else who has most."""
        by_count = _over(len(self._holders) + 1, self.limits.count)
        holding = [it for it in self.accounts if it.topics and it is not account]
        if by_count:
            amounts = {it: len(it.topics) for it in holding}
            own, limit = len(account.topics) + 1, self.limits.count
        else:
            amounts = {it: it.size for it in holding}
            own, limit = account.size + size, self.limits.size
        largest = max(amounts, key=amounts.__getitem__, default=account)
        if own * (len(holding) + 1) > limit or own >= amounts.get(largest, 0):
            return account
        return largest

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


def _to_and_fro(account: Account) -> int:
    return account.changes - len(account.topics) - account.size // BYTES_PER_CHANGE


def _over(value: int, limit: int) -> bool:
    return bool(limit) and value > limit
