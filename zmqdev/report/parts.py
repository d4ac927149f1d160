"""The display of a running file: one table for all parts, and the lines they write."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from typing import IO, Protocol

from zmqdev.options.common import INTERVAL, Stats
from zmqdev.report.complaint import Complaint
from zmqdev.report.display import Display, can_be_live
from zmqdev.report.lines import Lines
from zmqdev.stats import units
from zmqdev.stats.columns import from_line
from zmqdev.stats.snapshot import Snapshot
from zmqdev.supervisor.member import OVER, Member, MemberState
from zmqdev.supervisor.output import Voice, prefixes
from zmqdev.supervisor.runner import ERR, OUT, STATISTICS
from zmqdev.supervisor.supervisor import Fleet
from zmqdev.supervisor.thread import Lodger
from zmqdev.system.printable import escaped
from zmqdev.system.stdio import TextSink, is_terminal

# A slow reader makes the parts wait instead, so this limit is never reached.
NO_LIMIT = 1 << 30
# Seconds between two checks whether a slow reader has caught up.
AGAIN = 0.02
PATIENCE = 2.0


def mode_of(stats: Stats) -> str:
    """Return the mode asked for; by default live on a terminal, and off elsewhere.

    When stdout is a pipe, its reader may write to the same terminal and spoil the
    table, so the live view is then shown only on request.
    """
    if stats.mode is None:
        return "live" if can_be_live(sys.stderr) and not is_pipe(sys.stdout) else "off"
    if stats.mode == "live":
        return "live" if can_be_live(sys.stderr) else "line"
    return str(stats.mode)


def is_pipe(stream: IO[str]) -> bool:
    """Whether a stream is a pipe or a socket."""
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def note(part: MemberState) -> str:
    """Return how a part's last run ended and how often it restarted; empty if it just ended."""
    if not part.restarts and part.state not in ("resting", "failed"):
        return ""
    again = units.counted(part.restarts, "new start")
    return part.why if "given up" in part.why or not part.restarts else f"{part.why}; {again}"


class Screen:
    """Statistics and output of all parts. The runs of parts call `heard`."""

    def __init__(self, stats: Stats, *, counts: bool = False) -> None:
        self.mode = mode_of(stats)
        interval = stats.interval or INTERVAL
        self.display: Display | None = None
        self._fleet: Fleet | None = None
        self._prefixes: dict[str, bytes] = {}
        self._subjects: dict[str, Snapshot] = {}
        self._waiting: dict[str, list[bytes]] = {OUT: [], ERR: []}
        self._sinks = {OUT: TextSink(sys.stdout, NO_LIMIT), ERR: TextSink(sys.stderr, NO_LIMIT)}
        self._complaint = Complaint(self._sinks[OUT], "output")
        self._terminals = {OUT: is_terminal(sys.stdout), ERR: is_terminal(sys.stderr)}
        self._scheduled = self._holding = False
        if self.mode == "live":
            from zmqdev.report.live import LiveView

            self.display = LiveView(sys.stderr)
        elif self.mode != "off":
            self.display = Lines(interval, _Through(self._sinks[OUT]), as_json=self.mode == "json")
        # Parts report also when only `counts` are asked for and nothing is shown.
        self.interval = interval if self.display is not None or counts else None

    def started(self, fleet: Fleet) -> None:
        """Begin to show."""
        self._fleet = fleet
        if self.display is not None:
            self.display.started(self.subjects())
            fleet.loop.every(self.display.interval, self._tick)

    def ended(self, fleet: Fleet) -> None:
        """Write what is left and show the last state."""
        self._flush()
        for sink in self._sinks.values():
            sink.flush(PATIENCE)
        self._complaint.tell()
        if self.display is not None:
            self.display.ended(self.subjects())

    def heard(self, name: str, stream: str, line: bytes) -> None:
        """Take a line of a part: keep statistics, and pass everything else on."""
        if stream == STATISTICS:
            self._told(name, line)
            return
        self._waiting[stream].append(self._voice(name).say([self._safe(stream, line)]))
        if not self._scheduled and self._fleet is not None:
            self._scheduled = True
            self._fleet.loop.at(time.monotonic(), self._flush)

    def subjects(self) -> list[Snapshot]:
        """Return every member as it is now, in the order of the file."""
        return [self._subject(member) for member in self._members()]

    def _members(self) -> list[Member]:
        return list(self._fleet.members.values()) if self._fleet is not None else []

    def _subject(self, member: Member) -> Snapshot:
        shown = member.shown()
        if isinstance(member.running, Lodger):
            snapshot = member.running.snapshot()
            if snapshot is not None:
                return replace(snapshot, name=member.name, note=note(shown))
        last = self._subjects.get(member.name)
        if last is None:
            at, part = time.monotonic(), member.part
            last = Snapshot(
                part.name, part.kind, shown.state, at, shown.uptime, (), (), category=part.category
            )
        state = last.state if shown.state == "running" else shown.state
        # Time goes on for a part that has ended, since its last line holds its last
        # rate.
        at = time.monotonic() if shown.state in OVER else last.at
        return replace(last, name=member.name, state=state, at=at, note=note(shown))

    def _told(self, name: str, line: bytes) -> None:
        if any(member.name == name for member in self._members()):
            with suppress(ValueError):  # a message that only looks like statistics
                self._subjects[name] = from_line(line, time.monotonic())

    def _tick(self) -> None:
        assert self.display is not None
        self.display.tick(self.subjects())

    def _voice(self, name: str) -> Voice:
        if name not in self._prefixes:
            names = [member.name for member in self._members()]
            colour = self._terminals[OUT] and "NO_COLOR" not in os.environ
            self._prefixes = prefixes(names if name in names else [*names, name], colour=colour)
        return Voice(self._prefixes[name])

    def _safe(self, stream: str, line: bytes) -> bytes:
        if not self._terminals[stream]:
            return line
        return escaped(line.decode(errors="surrogateescape")).encode()

    def _flush(self) -> None:
        """Write everything that was heard in this turn, at once."""
        self._scheduled = False
        for stream, lines in self._waiting.items():
            if lines:
                with self._aside(stream):
                    text = b"".join(lines).decode(errors="surrogateescape")
                    self._sinks[stream].write(text)
                lines.clear()
        self._complaint.tell()
        if not self._holding and not self._sinks[OUT].flush():
            self._hold()

    def _aside(self, stream: str) -> AbstractContextManager[None]:
        if self.mode == "live" and self.display is not None and self._terminals[stream]:
            return self.display.aside()
        return nullcontext()

    def _hold(self) -> None:
        """Stop reading from the parts while stdout is not read, so that they wait too."""
        self._holding = True
        for running in self._runs():
            running.hold()
        self._later()

    def _later(self) -> None:
        assert self._fleet is not None
        self._fleet.loop.at(time.monotonic() + AGAIN, self._try_again)

    def _try_again(self) -> None:
        if not self._sinks[OUT].flush():
            self._later()
            return
        self._holding = False
        for running in self._runs():
            running.go_on()

    def _runs(self) -> Iterator[Runs]:
        return (member.running for member in self._members() if member.running is not None)


class Runs(Protocol):
    """The part of `Running` that holds output back."""

    def hold(self) -> None:
        """Take none of its output for now."""
        ...

    def go_on(self) -> None:
        """Take its output again."""
        ...


class _Through:
    """Writes statistics through the sink of the parts' lines, so that neither breaks the other."""

    def __init__(self, sink: TextSink) -> None:
        self._sink = sink

    def write(self, text: str, /) -> object:
        return self._sink.write(text)

    def flush(self) -> object:
        return None

    def fileno(self) -> int:
        raise ValueError("no descriptor of its own")
