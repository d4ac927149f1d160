"""Eviction: when a limit shared by all clients is reached, the largest holder loses something.

If the newcomer were refused instead, a few clients that fill the ledger would shut out all others.
So room is made by dropping the latest message of the largest holder: a reply that it does not read,
otherwise a request that no worker has yet. A newcomer that would hold as much itself is refused.

Requests for services without workers share half of the ledger. The other half is always free for
requests that can be answered.

The largest holder is determined only when a limit is reached, and the result is used for several
decisions, so ordinary traffic costs nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from zmqdev.broker.request import Client, Request

if TYPE_CHECKING:
    from zmqdev.broker.ledger import Ledger

# Decisions between two measurements.
GOOD_FOR = 500
Holdings = Callable[[], Iterable[tuple[bytes, int]]]


class Ranking:
    """Holders by amount. `holdings` returns (holder, amount), a holder any number of times."""

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings
        self._held: dict[bytes, int] = {}
        self._heap: list[tuple[int, bytes]] = []  # (-amount, holder); amounts may be old
        self._left = 0

    def refresh(self) -> None:
        """Measure again if that is due, for one more decision."""
        if self._left:
            self._left -= 1
        else:
            self.measure()

    def measure(self) -> None:
        """Measure the amounts."""
        self._left = GOOD_FOR
        self._held = {}
        for holder, amount in self._holdings():
            self._held[holder] = self._held.get(holder, 0) + amount
        self._heap = [(-amount, holder) for holder, amount in self._held.items()]
        heapq.heapify(self._heap)

    def held(self, holder: bytes) -> int:
        """Return the amount of a holder."""
        return self._held.get(holder, 0)

    def change(self, holder: bytes, by: int) -> None:
        """Change the amount of a holder."""
        amount = self._held[holder] = max(0, self.held(holder) + by)
        heapq.heappush(self._heap, (-amount, holder))

    def forget(self, holder: bytes) -> None:
        """Forget a holder that has nothing to take."""
        self._held.pop(holder, None)

    def largest(self) -> bytes | None:
        """Return the largest holder; None when there is none."""
        while self._heap:
            amount, holder = self._heap[0]
            if -amount == self._held.get(holder):
                return holder
            heapq.heappop(self._heap)
        return None


class Pot:
    """The amounts that requests for services without workers hold, and may hold."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self.most, self.most_bytes = most, most_bytes
        self.requests = self.size = 0

    def change(self, requests: int, size: int) -> None:
        """Change the amounts held."""
        self.requests += requests
        self.size += size

    def takes(self, size: int) -> bool:
        """Return whether a request of that size fits."""
        return self.requests < self.most and self.size + size <= self.most_bytes


class Room:
    """Makes room in a ledger. `unserved` is the share of services without workers."""

    def __init__(self, ledger: Ledger) -> None:
        settings = ledger.settings
        self._ledger = ledger
        self._most, self._most_bytes = settings.max_requests, settings.max_bytes
        # Besides its bytes, a request counts with the bytes of one place among `max_requests`.
        self._place = settings.max_bytes // settings.max_requests
        self.unserved = Pot((self._most + 1) // 2, self._most_bytes // 2)
        self._whole_ranking = Ranking(self._all_held)
        self._unserved_ranking = Ranking(self._unserved_held)

    def takes(self, size: int) -> bool:
        """Return whether a request or reply of that size fits without eviction."""
        ledger = self._ledger
        held = ledger.size + ledger.waiting.size
        return len(ledger.open) < self._most and held + size <= self._most_bytes

    def make(self, identity: bytes, size: int, now: float, *, served: bool) -> bool:
        """Make room for a request of that client; return False when it has to be refused."""
        if not served and not self._make(
            lambda: self.unserved.takes(size), self._unserved_ranking, identity, size, now, served
        ):
            return False
        return self._make(lambda: self.takes(size), self._whole_ranking, identity, size, now, True)

    def _make(
        self,
        fits: Callable[[], bool],
        ranking: Ranking,
        identity: bytes,
        size: int,
        now: float,
        any_request: bool,
    ) -> bool:
        if fits():
            return True
        ranking.refresh()
        share = size + self._place
        while not fits():
            largest = ranking.largest()
            if largest is None or ranking.held(largest) <= ranking.held(identity) + share:
                return False
            self._take_from(largest, ranking, now, any_request)
        ranking.change(identity, share)
        return True

    def bound_replies(self, now: float) -> None:
        """Drop replies of the largest holders if too many wait for slow readers."""
        waiting, ranking = self._ledger.waiting, self._whole_ranking
        if self._ledger.size + waiting.size <= self._most_bytes:
            return
        ranking.measure()
        while self._ledger.size + waiting.size > self._most_bytes:
            largest = ranking.largest()
            if largest is None:
                return  # workers have the rest
            self._take_from(largest, ranking, now, True)

    def _take_from(self, holder: bytes, ranking: Ranking, now: float, any_request: bool) -> None:
        freed = self._pay(holder, now, any_request)
        if freed:
            ranking.change(holder, -freed)
        else:
            ranking.forget(holder)

    def _pay(self, identity: bytes, now: float, any_request: bool) -> int:
        """Drop the newest message of a holder; return its worth, 0 when there is none."""
        freed = self._ledger.waiting.shed(identity) if any_request else 0
        if freed:
            return freed
        client = self._ledger.clients.get(identity)
        newest = _newest_queued(client, any_request) if client is not None else None
        if newest is None:
            return 0
        self._ledger.evict(newest, now)
        return newest.size + self._place

    def _all_held(self) -> Iterable[tuple[bytes, int]]:
        for client in self._ledger.clients.values():
            yield client.identity, client.size + self._place * len(client.open)
        yield from self._ledger.waiting.sizes()

    def _unserved_held(self) -> Iterable[tuple[bytes, int]]:
        for service in self._ledger.services.values():
            if not service.members:
                for request in service.queue.values():
                    yield request.client.identity, request.size + self._place


def _newest_queued(client: Client, any_request: bool) -> Request | None:
    for request in reversed(client.open.values()):
        service = request.service
        if request.number in service.queue and (any_request or not service.members):
            return request
    return None
