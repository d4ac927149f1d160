"""Several inputs, one after the other: `-F a -F b`, or the files of a directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zmqdev.endpoints.feed import Feed, Messages


class ChainFeed:
    """Each of `feeds` until its end, then the next; `count` in all ends it early."""

    def __init__(self, feeds: Sequence[Feed], count: int | None = None) -> None:
        self._feeds = list(feeds)
        self._at = 0
        self._taken = 0
        self._closed = False
        self.total = count

    @property
    def _feed(self) -> Feed:
        while not self._closed and self._at < len(self._feeds) - 1 and self._feeds[self._at].ended:
            self._feeds[self._at].close()
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
        for feed in () if self._closed else self._feeds[self._at :]:
            feed.close()
        self._closed = True


class LateFeed:
    """A feed that is made when its turn comes: a directory may hold more files than a process
    may have open."""

    total: int | None = None

    def __init__(self, make: Callable[[], Feed]) -> None:
        self._make = make
        self._made: Feed | None = None

    @property
    def _feed(self) -> Feed:
        if self._made is None:
            self._made = self._make()
        return self._made

    @property
    def ended(self) -> bool:
        return self._feed.ended

    @property
    def ready(self) -> bool:
        return self._feed.ready

    @property
    def waiting(self) -> int:
        """Also after the end, when none is to be made any more."""
        return 0 if self._made is None else self._made.waiting

    def fileno(self) -> int | None:
        return self._feed.fileno()

    def take(self, limit: int) -> Messages:
        return self._feed.take(limit)

    def close(self) -> None:
        if self._made is not None:
            self._made.close()
