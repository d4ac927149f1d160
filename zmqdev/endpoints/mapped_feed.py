"""A feed whose messages are changed on their way: a topic before each, say, or a stamp in it."""

from __future__ import annotations

from collections.abc import Callable

from zmqdev.endpoints.feed import Feed, Messages


class MappedFeed:
    """Another feed; `change` makes what is sent of each burst that is taken from it."""

    def __init__(self, feed: Feed, change: Callable[[Messages], Messages]) -> None:
        self._feed, self._change = feed, change

    @property
    def total(self) -> int | None:
        return self._feed.total

    @property
    def ended(self) -> bool:
        return self._feed.ended

    @property
    def ready(self) -> bool:
        return self._feed.ready

    @property
    def waiting(self) -> int:
        return self._feed.waiting

    def fileno(self) -> int | None:
        return self._feed.fileno()

    def take(self, limit: int) -> Messages:
        return self._change(self._feed.take(limit))

    def close(self) -> None:
        self._feed.close()


class TopicFeed(MappedFeed):
    """Another feed, with `topic` as the first frame of each message."""

    def __init__(self, feed: Feed, topic: bytes) -> None:
        super().__init__(feed, lambda messages: [[topic, *frames] for frames in messages])
