"""The source of outgoing messages: generated, or read from a descriptor.

A feed never waits. The loop polls `fileno()` when `ready` is false, and calls
`take` when it is readable. A stream is read with `os.read`, so that a line that
comes alone is there at once, and in chunks of a mebibyte when there is more.
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
    """A source of messages. `ended`: `take` will give nothing more. `ready`: it gives something
    without reading. `total`: how many messages in all, if known. `waiting`: how many were read
    ahead."""

    @property
    def ended(self) -> bool: ...

    @property
    def ready(self) -> bool: ...

    @property
    def total(self) -> int | None: ...

    @property
    def waiting(self) -> int: ...

    def fileno(self) -> int | None: ...

    def take(self, limit: int) -> Messages: ...

    def close(self) -> None: ...


class MadeFeed:
    """Messages made on demand: `count` of them, or without end.

    `size`: about how many bytes each has; a burst is kept below CHUNK.
    """

    waiting = 0

    def __init__(self, make: Callable[[range], Messages], count: int | None, size: int = 0) -> None:
        self._make = make
        self._most = max(1, CHUNK // (size + 1))
        self._made = 0
        self.total = count

    @property
    def ended(self) -> bool:
        return self.total is not None and self._made >= self.total

    @property
    def ready(self) -> bool:
        return not self.ended

    def fileno(self) -> None:
        return None

    def take(self, limit: int) -> Messages:
        limit = min(limit, self._most)
        if self.total is not None:
            limit = min(limit, self.total - self._made)
        numbers = range(self._made, self._made + limit)
        self._made = numbers.stop
        return self._make(numbers)

    def close(self) -> None:
        """Nothing is open."""


def text_feed(
    texts: Sequence[Text],
    count: int | None,
    clock: Callable[[], float] = time.time,
    seed: int | None = None,
) -> MadeFeed:
    """Messages from texts, in turn; a text has a template for each frame."""
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
    """`SYMBOL PRICE`, `count` times or without end."""
    ticks = Ticks(seed)
    return MadeFeed(lambda numbers: [[tick] for tick in ticks.take(len(numbers))], count)


def random_feed(size: int, count: int | None, seed: int | None = None) -> MadeFeed:
    """Messages of `size` random bytes, `count` of them or without end."""
    draw = random.Random(seed).randbytes
    return MadeFeed(lambda numbers: [[draw(size)] for _ in numbers], count, size)


class StreamFeed:
    """Messages read from a descriptor, in `layout`.

    `name`: the input in error messages. `count` ends it early. `limit`: maximum bytes of one
    message.
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
        if self.total is not None and self._taken >= self.total:
            return True
        return self._at_end and not self.waiting

    @property
    def ready(self) -> bool:
        return self.waiting > 0

    def fileno(self) -> int:
        return self._descriptor

    def take(self, limit: int) -> Messages:
        """At most `limit` messages: those that wait, or those of one read."""
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
        if self._descriptor != STDIN:
            os.close(self._descriptor)

    def _read(self) -> None:
        try:
            chunk = os.read(self._descriptor, CHUNK)
        except BlockingIOError:
            return  # somebody made our input non-blocking; the poll will tell
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
        """Which record it was: counted only now, so that good input pays nothing."""
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
    """A descriptor to read `path` from; `-` is standard input. Raises UsageError.

    A named pipe is opened without waiting for its writer; the poll does that, and can be
    interrupted.
    """
    if path == "-":
        if sys.stdin is None:  # descriptor 0 may be a socket of our own by now
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
    """The files of a directory, by name, without hidden files and directories. UsageError when
    there are none."""
    try:
        found = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", place) from None
    files = [entry.path for entry in found if entry.is_file() and entry.name[0] != "."]
    if not files:
        raise UsageError(f"cannot read {path}: no file in this directory", place)
    return files


def input_given(descriptor: int = STDIN) -> bool:
    """Whether standard input is a file, a pipe or a socket.

    A terminal, /dev/null and a closed descriptor are no input.
    """
    if descriptor == STDIN and sys.stdin is None:
        return False
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
