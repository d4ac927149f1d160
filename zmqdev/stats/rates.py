"""Rates computed from counts: the last second, the last minute, the peak.

Counts may start again from zero (`zmqdev ctl NAME reset`); the new count then is the
growth. The time is always an argument, in monotonic seconds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zmqdev.stats.snapshot import Flow, Snapshot, flow_of

MINUTE = 60.0
# Seconds; shorter windows make the rate jump, longer ones make it lag.
WINDOW = 1.0
_NANO = 1_000_000_000


@dataclass(frozen=True)
class Rate:
    """Messages and bytes a second; `blocked` is the share of time (0 to 1) lost to a
    full target."""

    messages: float = 0.0
    bytes: float = 0.0
    blocked: float = 0.0


def growth(before: int, after: int) -> int:
    """Return the growth of a count; one that is smaller than before was reset."""
    return after - before if after >= before else after


@dataclass(frozen=True)
class Total:
    """Everything counted since the first reading, resets included."""

    messages: int = 0
    bytes: int = 0
    blocked_ns: int = 0
    dropped: int = 0

    def plus(self, before: Flow, after: Flow) -> Total:
        """Add the growth between two readings."""
        return Total(
            self.messages + growth(before.messages, after.messages),
            self.bytes + growth(before.bytes, after.bytes),
            self.blocked_ns + growth(before.blocked_ns or 0, after.blocked_ns or 0),
            self.dropped + growth(before.dropped, after.dropped),
        )


def between(before: Total, after: Total, seconds: float) -> Rate:
    """Return the mean rate over `seconds`; zero when that is zero."""
    if seconds <= 0:
        return Rate()
    return Rate(
        (after.messages - before.messages) / seconds,
        (after.bytes - before.bytes) / seconds,
        min(1.0, (after.blocked_ns - before.blocked_ns) / _NANO / seconds),
    )


class Track:
    """One direction over time: `add` readings, ask for rates. It keeps the last minute."""

    def __init__(self, at: float, reading: Flow) -> None:
        self.started = at
        self.last = reading
        self.total = Total(
            reading.messages, reading.bytes, reading.blocked_ns or 0, reading.dropped
        )
        self.first = self.total
        self.peak = Rate()
        # Messages before the first reading came at an unknown time, so they make no
        # rate.
        self._times: list[float] = [at]
        self._totals: list[Total] = [self.total]

    @property
    def at(self) -> float:
        """Return when the last reading was made."""
        return self._times[-1]

    def add(self, at: float, reading: Flow) -> None:
        """Add a reading; one that is no later than the last only updates the total."""
        self.total = self.total.plus(self.last, reading)
        self.last = reading
        if at <= self.at:
            self._totals[-1] = self.total
            return
        self._times.append(at)
        self._totals.append(self.total)
        self._forget(at)
        if at - self.started < 0.9 * WINDOW:  # too short for a peak
            return
        now = self.rate()
        self.peak = Rate(
            max(self.peak.messages, now.messages),
            max(self.peak.bytes, now.bytes),
            max(self.peak.blocked, now.blocked),
        )

    def rate(self, window: float = WINDOW) -> Rate:
        """Return the rate over the last `window` seconds, or the time there was."""
        at = max(0, bisect_left(self._times, self.at - window + 1e-6) - 1)
        return between(self._totals[at], self.total, self.at - self._times[at])

    def mean(self, seconds: float) -> Rate:
        """Return the mean rate of a run of `seconds`."""
        return between(Total(), self.total, seconds)

    def minute(self, cells: int) -> tuple[float | None, ...]:
        """Return messages a second in the last minute, oldest first, in `cells` equal parts.

        Parts begin at multiples of their length, so that a drawing moves by whole
        parts; the newest covers its time so far. A part before the first reading is
        None.
        """
        step = MINUTE / cells
        now = self.at
        newest = (now // step) * step
        if now - newest < step / 4:  # too short for a rate
            newest -= step
        edges = [newest - step * back for back in range(cells - 1, -1, -1)] + [now]
        counts = [self._messages_at(edge) for edge in edges]
        return tuple(
            None if left is None or right is None else (right - left) / (until - since)
            for left, right, since, until in zip(counts, counts[1:], edges, edges[1:], strict=False)
        )

    def _messages_at(self, at: float) -> float | None:
        """Return the count at a moment, interpolated between two readings."""
        times, totals = self._times, self._totals
        place = bisect_left(times, at)
        if place == len(times):
            return totals[-1].messages
        if place == 0:
            return totals[0].messages if times[0] - at < 1e-6 else None
        part = (at - times[place - 1]) / (times[place] - times[place - 1])
        before, after = totals[place - 1].messages, totals[place].messages
        return before + (after - before) * part

    def _forget(self, now: float) -> None:
        """Drop readings that `minute` and `rate` no longer need."""
        old = bisect_left(self._times, now - 1.25 * MINUTE) - 1
        if old > 16:  # in batches, since removing from the front is slow
            del self._times[:old], self._totals[:old]


ROWS = {"routes": "route", "backends": "backend"}
"""Where the details of a device have rows with counts, and what one of them is called."""


def row_flows(details: Mapping[str, Any]) -> Iterator[Flow]:
    """Each route and each backend as a direction: `route eu`, `backend b`."""
    for rows, one in ROWS.items():
        for row in details.get(rows, ()):
            yield flow_of(f"{one} {row['name']}", row["messages"], row.get("bytes", 0))


@dataclass(frozen=True)
class Seen:
    """A subject now, and the track of each of its directions, of its routes and backends."""

    subject: Snapshot
    flows: tuple[tuple[Flow, Track], ...]
    rows: tuple[tuple[Flow, Track], ...] = ()

    @property
    def row_rates(self) -> dict[str, Rate]:
        return {flow.name: track.rate() for flow, track in self.rows}


class Record:
    """The tracks of all subjects; a subject that is gone is forgotten."""

    def __init__(self) -> None:
        self._tracks: dict[tuple[str, str], Track] = {}
        self.seen: tuple[Seen, ...] = ()

    def take(self, subjects: Iterable[Snapshot]) -> tuple[Seen, ...]:
        """Add the present snapshots and return them with their tracks."""
        self.seen = tuple(self._see(subject) for subject in subjects)
        here = {
            (seen.subject.name, flow.name)
            for seen in self.seen
            for flow, _ in (*seen.flows, *seen.rows)
        }
        self._tracks = {key: track for key, track in self._tracks.items() if key in here}
        return self.seen

    def _see(self, subject: Snapshot) -> Seen:
        return Seen(
            subject,
            self._tracked(subject, subject.flows),
            self._tracked(subject, row_flows(subject.details)),
        )

    def _tracked(self, subject: Snapshot, flows: Iterable[Flow]) -> tuple[tuple[Flow, Track], ...]:
        return tuple((flow, self._track(subject, flow)) for flow in flows)

    def _track(self, subject: Snapshot, flow: Flow) -> Track:
        key = (subject.name, flow.name)
        track = self._tracks.get(key)
        if track is None:
            track = self._tracks[key] = Track(subject.at, flow)
        else:
            track.add(subject.at, flow)
        return track
