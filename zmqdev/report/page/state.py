"""The content of the page as one JSON object: parts with rates and their last minute, warnings.

Counts are those of `zmqdev ctl NAME status`; rates are computed here from two of them.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import zmqdev
from zmqdev.stats.rates import ROWS, Track, row_flows
from zmqdev.stats.snapshot import Flow, Snapshot, plain

CELLS = 60
"""Points of a sparkline: the last minute, one a second."""
WARNINGS = 30


class WarningLog(logging.Handler):
    """Keeps the last warnings and errors of the log. Any thread may call `lines`."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: deque[dict[str, Any]] = deque(maxlen=WARNINGS)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self._lines.append(
            {"time": record.created, "level": record.levelname.lower(), "text": record.getMessage()}
        )

    def lines(self) -> list[dict[str, Any]]:
        """Return the kept records, oldest first."""
        return list(self._lines)


class History:
    """The rates of every direction over time."""

    def __init__(self) -> None:
        self._tracks: dict[tuple[str, str], Track] = {}

    def add(self, subjects: Sequence[Snapshot]) -> None:
        """Add a reading of each direction."""
        for subject in subjects:
            for flow in (*subject.flows, *row_flows(subject.details)):
                track = self._tracks.get((subject.name, flow.name))
                if track is None:
                    self._tracks[subject.name, flow.name] = Track(subject.at, flow)
                else:
                    track.add(subject.at, flow)

    def rate(self, subject: Snapshot, flow: Flow) -> float:
        """Messages a second."""
        return round(self._tracks[subject.name, flow.name].rate().messages, 1)

    def rates(self, subject: Snapshot, flow: Flow) -> dict[str, Any]:
        """Return messages and bytes a second, the share of time blocked, and the last minute."""
        track = self._tracks[subject.name, flow.name]
        rate = track.rate()
        return {
            "messages_per_second": round(rate.messages, 1),
            "bytes_per_second": round(rate.bytes, 1),
            "blocked": round(rate.blocked, 3),
            "minute": [one if one is None else round(one, 1) for one in track.minute(CELLS)],
        }


def state(
    subjects: Sequence[Snapshot], history: History, warnings: WarningLog, picture: str = ""
) -> dict[str, Any]:
    """Return everything that the page shows. `picture` is an SVG of the topology."""
    return {
        "version": zmqdev.__version__,
        "time": time.time(),
        "parts": [_part(subject, history) for subject in subjects],
        "warnings": warnings.lines(),
        "picture": picture,
    }


def _part(subject: Snapshot, history: History) -> dict[str, Any]:
    made: dict[str, Any] = plain(subject)
    made["flows"] = [_counts(flow) | history.rates(subject, flow) for flow in subject.flows]
    rows = {flow.name: history.rate(subject, flow) for flow in row_flows(subject.details)}
    for name, one in ROWS.items():
        for row in made["details"].get(name, ()):
            row["messages_per_second"] = rows[f"{one} {row['name']}"]
    return made


def _counts(flow: Flow) -> dict[str, Any]:
    names = ("name", "messages", "bytes", "drops", "blocked_ns")
    return {name: getattr(flow, name) for name in names}
