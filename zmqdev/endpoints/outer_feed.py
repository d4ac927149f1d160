"""Feeds made of other feeds: with changed messages, or one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zmqdev.endpoints.feed import Feed, Messages


class OuterFeed:
    """A feed that passes on the messages of another feed, `_feed`."""

    @property
    def _feed(self) -> Feed:
        raise NotImplementedError

    @property
    def total(self) -> int | None:
        """Return how many messages there will be in all, if known."""
        return self._feed.total

    @property
    def ended(self) -> bool:
        """Whether `take` will return nothing more."""
        return self._feed.ended

    @property
    def ready(self) -> bool:
        """Whether `take` returns something without reading."""
        return self._feed.ready

    @property
    def waiting(self) -> int:
        """Return how many messages were read ahead."""
        return self._feed.waiting

    def fileno(self) -> int | None:
        """Return the descriptor to poll while the feed is not ready."""
        return self._feed.fileno()

    def take(self, limit: int) -> Messages:
        """Return at most `limit` messages."""
        return self._feed.take(limit)

    def close(self) -> None:
        """Close the inner feed."""
        self._feed.close()


class MappedFeed(OuterFeed):
    """Another feed, whose bursts of messages are changed by `change`."""

    def __init__(self, feed: Feed, change: Callable[[Messages], Messages]) -> None:
        self._inner, self._change = feed, change

    @property
    def _feed(self) -> Feed:
        return self._inner

    def take(self, limit: int) -> Messages:
        """Take messages of the inner feed and return them changed."""
        return self._change(super().take(limit))


class TopicFeed(MappedFeed):
    """Another feed, with `topic` as the first frame of each message."""

    def __init__(self, feed: Feed, topic: bytes) -> None:
        super().__init__(feed, lambda messages: [[topic, *frames] for frames in messages])


class ChainFeed(OuterFeed):
    """Several feeds, one after the other: `-F a -F b`, or the files of a directory.

    It ends early after `count` messages in all.
    """

    def __init__(self, feeds: Sequence[Feed], count: int | None = None) -> None:
        self._feeds = list(feeds)
        self._at = 0
        self._taken = 0
        self._closed = False
        self._count = count

    @property
    def _feed(self) -> Feed:
        while not self._closed and self._at < len(self._feeds) - 1 and self._feeds[self._at].ended:
            self._feeds[self._at].close()
            self._at += 1
        return self._feeds[self._at]

    @property
    def total(self) -> int | None:
        """Return the count, if there is one."""
        return self._count

    @property
    def ended(self) -> bool:
        """Whether the last feed, or the count, has ended."""
        return (self._count is not None and self._taken >= self._count) or super().ended

    def take(self, limit: int) -> Messages:
        """Return at most `limit` messages of the present feed."""
        if self._count is not None:
            limit = min(limit, self._count - self._taken)
        messages = super().take(limit)
        self._taken += len(messages)
        return messages

    def close(self) -> None:
        """Close the feeds that are left."""
        for feed in () if self._closed else self._feeds[self._at :]:
            feed.close()
        self._closed = True


class LateFeed(OuterFeed):
    """A feed that is made when it is first used.

    A directory may hold more files than a process may have open.
    """

    def __init__(self, make: Callable[[], Feed]) -> None:
        self._make = make
        self._made: Feed | None = None

    @property
    def _feed(self) -> Feed:
        if self._made is None:
            self._made = self._make()
        return self._made

    @property
    def total(self) -> int | None:
        """Return None: the feed is not made only to ask it."""
        return None

    @property
    def waiting(self) -> int:
        """Return how many messages were read ahead, without making the feed."""
        return 0 if self._made is None else super().waiting

    def close(self) -> None:
        """Close the feed if it was made."""
        if self._made is not None:
            super().close()
