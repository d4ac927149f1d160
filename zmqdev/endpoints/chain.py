"""Several inputs, one after the other: `-F a -F b`."""

from __future__ import annotations

from collections.abc import Sequence

from zmqdev.endpoints.feed import Feed, Messages


class ChainFeed:
    """Each of `feeds` until its end, then the next; `count` in all ends it early."""

    def __init__(self, feeds: Sequence[Feed], count: int | None = None) -> None:
        self._feeds = list(feeds)
        self._at = 0
        self._taken = 0
        self.total = count

    @property
    def _feed(self) -> Feed:
        while self._at < len(self._feeds) - 1 and self._feeds[self._at].ended:
            self._at += 1
        return self._feeds[self._at]

    @property
    def ended(self) -> bool:
        return (self.total is not None and self._taken >= self.total) or self._feed.ended

    @property
    def ready(self) -> bool:
        return self._feed.ready

    @property
    def waiting(self) -> int:
        return self._feed.waiting

    def fileno(self) -> int | None:
        return self._feed.fileno()

    def take(self, limit: int) -> Messages:
        if self.total is not None:
            limit = min(limit, self.total - self._taken)
        messages = self._feed.take(limit)
        self._taken += len(messages)
        return messages

    def close(self) -> None:
        for feed in self._feeds:
            feed.close()
