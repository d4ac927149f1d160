"""sub and pull with --match, --until-match or --dump: selected messages, printed or in files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import zmq

from zmqdev.endpoints.form.format import Layout, Message, write_out
from zmqdev.endpoints.form.template import Template
from zmqdev.endpoints.tasks.receiver import Receiver
from zmqdev.errors import UsageError
from zmqdev.system import atomic_file
from zmqdev.system.stdio import Sink

Pattern = re.Pattern[bytes]
# Bytes of a file name; the system allows 255.
LONGEST = 200


@dataclass(frozen=True)
class Pick:
    """Which messages a receiver takes.

    `wanted` and `last` are patterns that are searched in the joined frames.
    """

    wanted: Pattern | None = None
    last: Pattern | None = None
    directory: Path | None = None
    name: Template | None = None


def directory_of(name: str) -> Path:
    """Return a directory, created if necessary; UsageError when that fails."""
    try:
        os.makedirs(name, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {name}: {error.strerror}", "--dump") from None
    return Path(name)


class Picker(Receiver):
    """A receiver that skips unwanted messages; `flow` counts those it took."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        sink: Sink,
        layout: Layout,
        count: int | None,
        pick: Pick,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(socket, sink, layout, count, clock)
        self._pick = pick
        self._passed_over = 0
        self._found = False

    @property
    def _complete(self) -> bool:
        return self._found or super()._complete

    def unmet(self) -> str | None:
        if self._pick.last is not None:
            return f"no message matched; {self.flow.messages} came"
        return super().unmet()

    def summary(self) -> str | None:
        return f"passed over: {self._passed_over}" if self._passed_over else None

    def _limit(self) -> int:
        """Return how many messages to receive.

        It is one if any message may be the last, so that those after it are left for other
        receivers.
        """
        limit = super()._limit()
        return limit if self._pick.last is None else min(limit, 1)

    def _show(self, messages: Sequence[Message], now: float) -> None:
        taken = [frames for frames in messages if self._wants(frames)]
        self._passed_over += len(messages) - len(taken)
        if self._pick.directory is not None:
            for number, frames in enumerate(taken, self.flow.messages):
                self._dump(self._pick.directory, number, frames)
        else:
            self._sink.write(write_out(self._layout, taken, self._clock()))
        self.flow.add(taken)

    def _wants(self, frames: Message) -> bool:
        pick, text = self._pick, self._layout.joiner.join(frames)
        if pick.wanted is not None and not pick.wanted.search(text):
            return False
        self._found = pick.last is not None and bool(pick.last.search(text))
        return True

    def _dump(self, directory: Path, number: int, frames: Message) -> None:
        assert self._pick.name is not None
        topic = frames[0] if len(frames) > 1 else b""
        name = self._pick.name.render(number, self._clock(), topic=topic)
        layout = self._layout
        text = layout.format in ("text", "raw")
        data = layout.joiner.join(frames) if text else write_out(layout, [frames], self._clock())
        atomic_file.write_bytes(directory / file_name(name), data)


def file_name(name: bytes) -> str:
    """Return a safe file name, whatever a peer has put into `name`."""
    safe = re.sub(rb"[/\x00-\x1f\x7f]|^\.", b"_", name)[:LONGEST]
    return os.fsdecode(safe or b"_")
