"""A dry run of the routes, with every backend ready."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zmqdev.routing.decide import State, advance, begin
from zmqdev.routing.table import Table

DROP = "drop"


@dataclass(frozen=True)
class DryOutcome:
    """`to`: the backends that get it, `drop` alone when none does. `routes`: those that took it,
    by name."""

    to: tuple[str, ...]
    routes: tuple[str, ...]


class DryRun:
    """Messages one after another. The time stands still: of a rate its first second passes."""

    def __init__(self, table: Table) -> None:
        self._table, self._state = table, State(table)
        self._to: list[str] = []
        self.failed = 0

    def send(self, frames: Sequence[bytes]) -> DryOutcome:
        self._to = []
        decision = begin(frames)
        advance(self._state, decision, self._offer, 0)
        routes = tuple(self._table.routes[index].name for index in decision.taken_by)
        return DryOutcome(tuple(self._to) or (DROP,), routes)

    def end(self) -> DryOutcome | None:
        """What goes out at the end: nothing."""
        return None

    def _offer(self, index: int, message: list[bytes]) -> bool:
        self._to.append(self._table.backends[index])
        return True
