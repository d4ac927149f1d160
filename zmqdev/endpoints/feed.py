"""Feeds, the sources of outgoing messages: generated, or read from a descriptor.

A feed never waits. When `ready` is false, the loop polls `fileno()`, and calls `take` once it is
readable. A stream is read with `os.read`, so that a single line is available at once, in chunks of
a mebibyte at most.
"""

from __future__ import annotations

import os
import random
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from zmqdev.endpoints.form.csvline import RecordSplitter
from zmqdev.endpoints.form.format import Layout, Message, read_all, read_in
from zmqdev.endpoints.form.split import Splitter
from zmqdev.endpoints.form.template import Template
from zmqdev.endpoints.ticks import Ticks
from zmqdev.errors import RunError, UsageError

Messages = list[Message]
Text = Sequence[Template]

CHUNK = 1 << 20
STDIN = 0


class Feed(Protocol):
    """A source of messages."""

    @property
    def ended(self) -> bool:
        """Whether `take` will return nothing more."""

    @property
    def ready(self) -> bool:
        """Whether `take` returns something without reading."""

    @property
    def total(self) -> int | None:
        """Return how many messages there will be in all, if known."""

    @property
    def waiting(self) -> int:
        """Return how many messages were read ahead."""

    def fileno(self) -> int | None:
        """Return the descriptor to poll while the feed is not ready."""

    def take(self, limit: int) -> Messages:
        """Return at most `limit` messages."""

    def close(self) -> None:
        """Close the input."""


class MadeFeed:
    """Messages generated on demand: `count` of them, or without end.

    `size` is roughly the bytes of each; a burst is kept below CHUNK.
    """

    waiting = 0

    def __init__(self, make: Callable[[range], Messages], count: int | None, size: int = 0) -> None:
        self._make = make
        self._most = max(1, CHUNK // (size + 1))
        self._made = 0
        self.total = count

    @property
    def ended(self) -> bool:
        """Whether all messages were made."""
        return self.total is not None and self._made >= self.total

    @property
    def ready(self) -> bool:
        """Whether there are more messages."""
        return not self.ended

    def fileno(self) -> None:
        """Return None: there is nothing to poll."""

    def take(self, limit: int) -> Messages:
        """Make the next messages: at most `limit`, and not much more than CHUNK bytes."""
        limit = min(limit, self._most)
        if self.total is not None:
            limit = min(limit, self.total - self._made)
        numbers = range(self._made, self._made + limit)
        self._made = numbers.stop
        return self._make(numbers)

    def close(self) -> None:
        """Do nothing: no input is open."""


def text_feed(
    texts: Sequence[Text],
    count: int | None,
    clock: Callable[[], float] = time.time,
    seed: int | None = None,
) -> MadeFeed:
    """Make a feed of texts, in turn; a text has a template for each frame."""
    bits = random.Random(seed).getrandbits

    def draw() -> int:
        return bits(32)

    def make(numbers: range) -> Messages:
        now, turn = clock(), len(texts)
        if turn == 1:
            return _render(texts[0], numbers, now, draw)
        return [_render(texts[n % turn], range(n, n + 1), now, draw)[0] for n in numbers]

    size = max(sum(len(frame.pattern) for frame in text) for text in texts)
    return MadeFeed(make, count, size)


def _render(frames: Text, numbers: range, now: float, draw: Callable[[], int]) -> Messages:
    columns = [frame.render_many(numbers, now, draw) for frame in frames]
    return [list(message) for message in zip(*columns, strict=True)]


def tick_feed(count: int | None, seed: int | None = None) -> MadeFeed:
    """Make a feed of ticks, `SYMBOL PRICE`, `count` of them or without end."""
    ticks = Ticks(seed)
    return MadeFeed(lambda numbers: [[tick] for tick in ticks.take(len(numbers))], count)


def random_feed(size: int, count: int | None, seed: int | None = None) -> MadeFeed:
    """Make a feed of messages of `size` random bytes, `count` of them or without end."""
    draw = random.Random(seed).randbytes
    return MadeFeed(lambda numbers: [[draw(size)] for _ in numbers], count, size)


class StreamFeed:
    """Messages read from a descriptor, in `layout`.

    `name` is the input's name in error messages. `count` ends the feed early. `limit` is the
    maximum number of bytes in a message.
    """

    total: int | None

    def __init__(
        self, descriptor: int, layout: Layout, name: str, count: int | None = None, limit: int = 0
    ) -> None:
        self._descriptor = descriptor
        self._layout = layout
        self._name = name
        splitter = RecordSplitter if layout.format == "csv" else Splitter
        self._splitter = splitter(layout.record_end, limit)
        self._records: Iterator[bytes] = iter(())
        self.waiting = 0
        self._taken = 0
        self._at_end = False
        self.total = count

    @property
    def ended(self) -> bool:
        """Whether the input, or the count, has ended."""
        if self.total is not None and self._taken >= self.total:
            return True
        return self._at_end and not self.waiting

    @property
    def ready(self) -> bool:
        """Whether messages were read ahead."""
        return self.waiting > 0

    def fileno(self) -> int:
        """Return the descriptor that is read."""
        return self._descriptor

    def take(self, limit: int) -> Messages:
        """Return at most `limit` messages: those read ahead, or those of one read."""
        if not self.waiting and not self._at_end:
            self._read()
        if self.total is not None:
            limit = min(limit, self.total - self._taken)
        records = list(islice(self._records, limit))
        messages = self._parse(records)
        self.waiting -= len(records)
        self._taken += len(records)
        return messages

    def close(self) -> None:
        """Close the descriptor, except standard input."""
        if self._descriptor != STDIN:
            os.close(self._descriptor)

    def _read(self) -> None:
        try:
            chunk = os.read(self._descriptor, CHUNK)
        except BlockingIOError:
            return  # another process made the input non-blocking; poll again
        except OSError as error:
            raise RunError(f"cannot read {self._name}: {error.strerror}") from None
        try:
            records = self._splitter.receive(chunk) if chunk else self._splitter.finish()
        except RunError as error:
            raise RunError(f"{self._name}: {error}") from None
        self._at_end = not chunk
        self._records, self.waiting = iter(records), len(records)

    def _parse(self, records: list[bytes]) -> Messages:
        try:
            return self._all(records)
        except ValueError:
            raise self._complaint(records) from None

    def _complaint(self, records: list[bytes]) -> RunError:
        """Return the error that names the first wrong record.

        The records are parsed again one by one only after an error, so that good input costs
        nothing.
        """
        for number, record in enumerate(records, self._taken + 1):
            try:
                self._one(record)
            except ValueError as error:
                return RunError(f"{self._name}:{number}: {error}")
        raise AssertionError("the records could be read the second time")

    def _all(self, records: list[bytes]) -> Messages:
        return read_all(self._layout, records)

    def _one(self, record: bytes) -> object:
        return read_in(self._layout, record)


def open_input(path: str, place: str = "--file") -> int:
    """Open `path` for reading and return the descriptor; `-` is standard input.

    A named pipe is opened without waiting for its writer. The poll waits instead, because a signal
    can interrupt it. Raises UsageError.
    """
    if path == "-":
        if sys.stdin is None:  # descriptor 0 may have been reused for a socket
            raise UsageError("stdin is closed", place)
        return STDIN
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", place) from None
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"cannot read {path}: it is a directory", place)
    return descriptor


def files_in(path: str, place: str = "--file") -> list[str]:
    """Return the files of a directory by name, without hidden files and directories.

    Raises UsageError when there are none.
    """
    try:
        found = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", place) from None
    files = [entry.path for entry in found if entry.is_file() and entry.name[0] != "."]
    if not files:
        raise UsageError(f"cannot read {path}: no file in this directory", place)
    return files


def input_given(descriptor: int = STDIN) -> bool:
    """Return whether standard input is a file, a pipe or a socket.

    A terminal, /dev/null and a closed descriptor do not count as input.
    """
    if descriptor == STDIN and sys.stdin is None:
        return False
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
