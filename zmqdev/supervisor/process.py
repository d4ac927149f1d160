"""A part as a process: a copy of one that has loaded all modules, with its settings in hand.

It has a session of its own, so that Ctrl-C reaches it through `run` alone.
Statistics come as JSON lines among its output and are taken out of it.
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
# Chunks of one part before another one has its turn.
TURN = 4
# A statistics line begins so (report/columns.py), and no line of the log or of a message does.
_STATISTICS = b'{"time": '
_MARKS = (b'"kind": ', b'"uptime": ')


@dataclass(frozen=True)
class PartTask:
    """What the process of a part has to do. `spec` is resolved."""

    name: str
    kind: str
    spec: PartSpec


def task_of(part: Part, ready_file: Path, interval: float | None) -> PartTask:
    """Its own settings, and how `run` listens to it."""
    spec: PartSpec
    if isinstance(part.spec, DeviceSpec):
        spec = replace(part.spec, stats=_heard(part.spec.stats, interval))
    else:
        spec = replace(part.spec, stats=_heard(part.spec.stats, interval))
    return PartTask(part.name, part.kind, replace(spec, ready_file=str(ready_file)))


def _heard(stats: S, interval: float | None) -> S:
    """Statistics as `run` reads them; None: not at all."""
    if interval is None:
        return replace(stats, mode="off")
    return replace(stats, mode="json", interval=interval)


def is_statistics(line: bytes) -> bool:
    return line.startswith(_STATISTICS) and all(mark in line for mark in _MARKS)


class Process:
    """See `Running` for what each method promises."""

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
            # Told in the next turn: who started it has not noted it down yet.
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
        # A second SIGTERM makes a command leave at once; the first may still be on its way.
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
        """It hangs alone, and hinders nobody."""
        return []

    def hold(self) -> None:
        """Read none of its output for now: nobody takes it, so the part is to wait."""
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
        """Hand on one chunk; False when there is none now."""
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
        """Read what the pipes still hold. A grandchild may keep them open: it is not waited for."""
        for name in list(self._open):
            while name in self._open and self._chunk(name, self._open[name]):
                pass
            if name in self._open:
                self._close(name)
        # The commands of a worker that was killed have no worker to answer to.
        self._signal(signal.SIGTERM, group=True)
        assert self._child is not None
        self._child.forget()
        self._child = None
        self._ready_file.unlink(missing_ok=True)
