"""The counters of a relay: a flat array of uint64, written by its loop, read by any thread.

Rules:

- The loop is the only writer, with plain aligned 64-bit stores; a number never decreases.
- A reader needs no lock and stops nothing. Two numbers of one reading may be a message apart.
- `reset` moves the zero that readers see; the loop's own numbers stay.

The order of `STATISTICS` is the order in the array: those of each direction, then those of the
whole relay. The C half compares its own list of names with this one before it is used.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from zmqdev.relay.origins import Origins

DIRECTIONS = ("forward", "backward")
"""forward is frontend to backend."""


@dataclass(frozen=True)
class Statistic:
    """One number. `dropped` means that it counts whole messages lost for that reason."""

    name: str
    unit: str
    help: str
    dropped: bool = False


STATISTICS = (
    Statistic("messages", "messages", "whole messages that the target accepted"),
    Statistic("bytes", "bytes", "bytes of all frames of those messages"),
    Statistic("unreachable", "messages", "the addressed peer was gone", dropped=True),
    Statistic("full", "messages", "the target had no room", dropped=True),
    Statistic(
        "not_subscription", "messages", "sent upstream, but not a subscription", dropped=True
    ),
    Statistic("topic_too_long", "messages", "a subscription above the limit", dropped=True),
    Statistic("too_many_frames", "messages", "more frames than the limit", dropped=True),
    Statistic("too_large", "messages", "more bytes than the limit", dropped=True),
    Statistic("route", "messages", "a route drops them", dropped=True),
    Statistic("unrouted", "messages", "no route took them", dropped=True),
    Statistic("copy", "messages", "replies to a copy, which no client waits for", dropped=True),
    Statistic("hook", "messages", "the Python function of the routes failed", dropped=True),
    Statistic("blocked_ns", "nanoseconds", "time a message waited for a full target"),
)
TURNS = Statistic("turns", "turns", "turns of the loop; it moves at least ten times a second")

ROWS = {statistic.name: row for row, statistic in enumerate(STATISTICS)}
DROPS = tuple(statistic.name for statistic in STATISTICS if statistic.dropped)
WIDTH = len(STATISTICS)
TURNS_CELL = WIDTH * len(DIRECTIONS)


class Counters:
    """The counters of one relay. Any thread may read them at any time."""

    def __init__(self) -> None:
        self.cells = array("Q", bytes(8 * (TURNS_CELL + 1)))
        self.origins = Origins()
        self._zero = tuple(self.cells)

    @property
    def address(self) -> int:
        """Return the address of the array. It never moves, since its length never changes."""
        return self.cells.buffer_info()[0]

    @property
    def turns(self) -> int:
        """Return the turns of the loop since the last reset."""
        zero = self._zero
        return self.cells[TURNS_CELL] - zero[TURNS_CELL]

    @property
    def turns_ever(self) -> int:
        """Return the turns of the loop since the start."""
        return self.cells[TURNS_CELL]

    def read(self) -> dict[str, dict[str, int]]:
        """Return the numbers since the last reset, by direction and name."""
        return self._table(self._zero)

    def total(self) -> dict[str, dict[str, int]]:
        """Return the numbers since the start, for readers that need them never to decrease."""
        return self._table((0,) * len(self.cells))

    def reset(self) -> None:
        """Let readers count from zero again. Any thread may call it."""
        self._zero = tuple(self.cells)

    def _table(self, zero: tuple[int, ...]) -> dict[str, dict[str, int]]:
        return {
            direction: {
                statistic.name: self.cells[base + row] - zero[base + row]
                for row, statistic in enumerate(STATISTICS)
            }
            for base, direction in zip((0, WIDTH), DIRECTIONS, strict=True)
        }
