"""Counts of stamped messages that were lost, duplicated, reordered or corrupt.

Each source counts from 0. Messages sent before the first one received do not count as lost, since
the receiver was not there yet. Missing messages at the end cannot be seen either; `--expect` says
how many must come.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

# When a source has more gaps than this, the oldest is closed: its messages count as lost.
MOST_GAPS = 10_000


@dataclass
class StampSource:
    """The numbers of one sender. `gaps` are the missing ranges [first, last], ascending."""

    highest: int
    gaps: list[list[int]] = field(default_factory=list)
    given_up: int = 0

    @property
    def lost(self) -> int:
        """Return how many messages are missing."""
        return self.given_up + sum(last - first + 1 for first, last in self.gaps)


@dataclass
class Delivery:
    """Call `take` with the source and number of each message, then read the counts."""

    received: int = 0
    doubled: int = 0
    reordered: int = 0
    corrupt: int = 0
    sources: dict[bytes, StampSource] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """Return how many messages of all sources are missing."""
        return sum(source.lost for source in self.sources.values())

    def take(self, source: bytes, number: int) -> None:
        """Count a whole and valid message."""
        known = self.sources.get(source)
        if known is None:
            self.sources[source] = StampSource(number)
            self.received += 1
        elif number > known.highest:
            if number > known.highest + 1:
                self._open_gap(known, number)
            known.highest = number
            self.received += 1
        elif _fill(known, number):
            self.received += 1
            self.reordered += 1
        else:
            self.doubled += 1

    def _open_gap(self, source: StampSource, number: int) -> None:
        source.gaps.append([source.highest + 1, number - 1])
        if len(source.gaps) > MOST_GAPS:
            first, last = source.gaps.pop(0)
            source.given_up += last - first + 1


def _fill(source: StampSource, number: int) -> bool:
    """Remove a number from its gap; return False when it is in none, so it came before."""
    at = bisect_right(source.gaps, number, key=lambda gap: gap[0]) - 1
    if at < 0 or source.gaps[at][1] < number:
        return False
    first, last = source.gaps[at]
    rest = [[first, number - 1], [number + 1, last]]
    source.gaps[at : at + 1] = [gap for gap in rest if gap[0] <= gap[1]]
    return True
