"""Statistics as lines: text for grep and awk, or JSON with the keys of `columns`.

There is a line for each subject at every interval, and one at the end with the means of
the whole run. Scripts such as `awk '$4=="state=running"'` may rely on the order of
columns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from zmqdev.report.complaint import Complaint
from zmqdev.stats.columns import Line, as_text, to_line
from zmqdev.stats.rates import Rate, Record, Seen, Total, Track, between
from zmqdev.stats.snapshot import Flow, Snapshot
from zmqdev.system.stdio import Stream, TextSink

# Seconds that the reader has for the last lines.
PATIENCE = 1.0


class Lines:
    """A display that writes lines: `started`, `tick` at each interval, `ended`."""

    def __init__(
        self,
        interval: float,
        out: Stream | None,
        *,
        as_json: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.interval = interval
        self._sink = TextSink(out)
        self._complaint = Complaint(self._sink, "statistics")
        self._as_json = as_json
        self._clock = clock
        self._record = Record()
        self._marks: dict[Track, tuple[float, Total]] = {}

    def started(self, subjects: Iterable[Snapshot]) -> None:
        """Begin to count."""
        self._mark(self._record.take(subjects))

    def tick(self, subjects: Iterable[Snapshot]) -> None:
        """Write a line for each subject."""
        seen = self._record.take(subjects)
        for item in seen:
            self._write(
                item.subject, {flow.name: self._lately(track) for flow, track in _all(item)}
            )
        self._mark(seen)
        self._complaint.tell()

    def ended(self, subjects: Iterable[Snapshot]) -> None:
        """Write the last lines, with means of the whole run."""
        for item in self._record.take(subjects):
            run = item.subject.uptime
            self._write(item.subject, {flow.name: track.mean(run) for flow, track in _all(item)})
        self.flush()
        self._complaint.tell()
        self._sink.close(0)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Do nothing: other output may come between lines."""
        yield

    @property
    def closed(self) -> bool:
        """Whether the reader is gone."""
        return self._sink.closed

    def flush(self) -> None:
        """Wait a moment until all lines are written."""
        self._sink.flush(PATIENCE)

    def _lately(self, track: Track) -> Rate:
        """Return the rate since the last line; for a new direction, since its first reading."""
        at, total = self._marks.get(track, (track.started, track.first))
        return between(total, track.total, track.at - at)

    def _mark(self, seen: Iterable[Seen]) -> None:
        self._marks = {track: (track.at, track.total) for item in seen for _, track in _all(item)}

    def _write(self, subject: Snapshot, rates: dict[str, Rate]) -> None:
        line = Line(subject, rates, round(self._clock(), 3))
        text = (to_line if self._as_json else as_text)(line)
        self._sink.write(text + "\n")


def _all(item: Seen) -> tuple[tuple[Flow, Track], ...]:
    return (*item.flows, *item.rows)
