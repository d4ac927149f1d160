"""A part as a process: a copy of the fork server that gets its resolved settings.

It has its own session, so that Ctrl-C reaches it only through `run`. Its statistics
come as JSON lines among its output and are taken out of it.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

from zmqdev.errors import EXIT_FAILED, in_words
from zmqdev.options.common import Stats
from zmqdev.options.device import DeviceSpec
from zmqdev.options.part import Part, PartSpec
from zmqdev.supervisor.children import Child
from zmqdev.supervisor.output import Voice
from zmqdev.supervisor.runner import ERR, OUT, STATISTICS, Surroundings

log = logging.getLogger("zmqdev")
S = TypeVar("S", bound=Stats)
CHUNK = 64 * 1024
# Chunks of one part that are read before another part has its turn.
TURN = 4
# How a statistics line begins (stats/columns.py); lines of the log and of messages do
# not.
_STATISTICS = b'{"time": '
_MARKS = (b'"kind": ', b'"uptime": ')


@dataclass(frozen=True)
class PartTask:
    """The task of a part's process. `spec` is resolved."""

    name: str
    kind: str
    spec: PartSpec


def task_of(part: Part, ready_file: Path, interval: float | None) -> PartTask:
    """Return a part's task: its settings, with statistics and the ready file for `run`."""
    spec: PartSpec
    if isinstance(part.spec, DeviceSpec):
        spec = replace(part.spec, stats=_heard(part.spec.stats, interval))
    else:
        spec = replace(part.spec, stats=_heard(part.spec.stats, interval))
    return PartTask(part.name, part.kind, replace(spec, ready_file=str(ready_file)))


def _heard(stats: S, interval: float | None) -> S:
    """Return the statistics settings that `run` needs; off when `interval` is None."""
    if interval is None:
        return replace(stats, mode="off")
    return replace(stats, mode="json", interval=interval)


def is_statistics(line: bytes) -> bool:
    """Whether a line of output has statistics."""
    return line.startswith(_STATISTICS) and all(mark in line for mark in _MARKS)


class Process:
    """A part in another process; `Running` describes the methods."""

    def __init__(self, part: Part, around: Surroundings) -> None:
        self.part, self._around = part, around
        ready = part.spec.ready_file
        self._ready_file = Path(ready) if ready else around.directory / f"{part.name}.ready"
        self._child: Child | None = None
        self._ended: Callable[[int], None] | None = None
        self._voices: dict[str, Voice] = {OUT: Voice(b""), ERR: Voice(b"")}
        self._open: dict[str, IO[bytes]] = {}
        self._held = False

    def start(self, ended: Callable[[int], None]) -> None:
        self._ended = ended
        try:
            self._ready_file.unlink(missing_ok=True)
            self._begin()
        except OSError as error:
            why = in_words(error)
            log.error("%s: cannot be started: %s", self.part.name, why)
            self._ended = None
            # In the next turn, because the caller has not stored this run yet.
            self._around.loop.at(time.monotonic(), partial(ended, EXIT_FAILED))

    def _begin(self) -> None:
        task = task_of(self.part, self._ready_file, self._around.interval)
        out, err = os.pipe(), os.pipe()
        self._open = {OUT: os.fdopen(out[0], "rb", 0), ERR: os.fdopen(err[0], "rb", 0)}
        try:
            self._child = self._around.children.start(task, out[1], err[1], self.look)
        except OSError:
            for pipe in self._open.values():
                pipe.close()
            self._open = {}
            raise
        finally:
            os.close(out[1])
            os.close(err[1])
        for name, pipe in self._open.items():
            os.set_blocking(pipe.fileno(), False)
            self._around.loop.watch(pipe, partial(self._read, name))

    @property
    def ready(self) -> bool:
        return self._ready_file.exists()

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None else None

    def stop(self, *, at_once: bool = False) -> None:
        # A second SIGTERM would make it leave at once, but the first may still be
        # pending: use SIGINT.
        self._signal(signal.SIGTERM)
        if at_once:
            self._signal(signal.SIGINT)

    def reload(self) -> None:
        self._signal(signal.SIGHUP)

    def kill(self) -> None:
        self._signal(signal.SIGKILL, group=True)

    def look(self) -> None:
        if self._child is None or self._ended is None:
            return
        status = self._child.poll()
        if status is None:
            return
        ended, self._ended = self._ended, None
        self._finish()
        ended(status)

    def late(self, allowed: float) -> list[str]:
        """Return nothing: a process that hangs does not hold up this one."""
        return []

    def hold(self) -> None:
        """Do not read its stdout for now, so that the part waits."""
        if not self._held and OUT in self._open:
            self._held = True
            self._around.loop.unwatch(self._open[OUT])

    def go_on(self) -> None:
        if self._held and OUT in self._open:
            self._around.loop.watch(self._open[OUT], partial(self._read, OUT))
        self._held = False

    def _signal(self, number: signal.Signals, *, group: bool = False) -> None:
        if self._child is not None:
            self._child.signal(number, group=group)

    def _read(self, name: str) -> None:
        pipe = self._open.get(name)
        for _ in range(TURN):
            if pipe is None or not self._chunk(name, pipe):
                return

    def _chunk(self, name: str, pipe: IO[bytes]) -> bool:
        """Pass one chunk on; return False when there is none."""
        try:
            data = os.read(pipe.fileno(), CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._close(name)
            self.look()
            return False
        for line in self._voices[name].lines(data):
            self._hand_on(name, line)
        return len(data) == CHUNK

    def _hand_on(self, name: str, line: bytes) -> None:
        self._around.heard(self.part.name, STATISTICS if is_statistics(line) else name, line)

    def _close(self, name: str) -> None:
        pipe = self._open.pop(name)
        self._around.loop.unwatch(pipe)
        pipe.close()
        for line in self._voices[name].rest():
            self._hand_on(name, line)

    def _finish(self) -> None:
        """Read the rest of the pipes, without waiting for a grandchild that keeps them open."""
        for name in list(self._open):
            while name in self._open and self._chunk(name, self._open[name]):
                pass
            if name in self._open:
                self._close(name)
        # Commands of a worker that was killed can no longer answer.
        self._signal(signal.SIGTERM, group=True)
        assert self._child is not None
        self._child.forget()
        self._child = None
        self._ready_file.unlink(missing_ok=True)
