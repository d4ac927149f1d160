"""A dry run of the routes, with every backend ready."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zmqdev.routing.decide import State, advance, begin
from zmqdev.routing.table import Table

DROP = "drop"


@dataclass(frozen=True)
class DryOutcome:
    """Where a message goes. `to` are backends, or `drop` alone; `routes` are names of routes."""

    to: tuple[str, ...]
    routes: tuple[str, ...]


class DryRun:
    """Routes messages one after another. Time stands still, so a rate allows its first second."""

    def __init__(self, table: Table) -> None:
        self._table, self._state = table, State(table)
        self._to: list[str] = []
        self.failed = 0

    def send(self, frames: Sequence[bytes]) -> DryOutcome:
        """Route one message."""
        self._to = []
        decision = begin(frames)
        advance(self._state, decision, self._offer, 0)
        routes = tuple(self._table.routes[index].name for index in decision.taken_by)
        return DryOutcome(tuple(self._to) or (DROP,), routes)

    def end(self) -> DryOutcome | None:
        """Return what a function would emit at the end; routes emit nothing."""
        return None

    def _offer(self, index: int, message: list[bytes]) -> bool:
        self._to.append(self._table.backends[index])
        return True
