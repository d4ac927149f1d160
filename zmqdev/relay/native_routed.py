"""The C half of a relay with routes. Importing it raises ImportError as relay.native does."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import zmq

from zmqdev.relay.compiled import compiled
from zmqdev.relay.counters import Counters
from zmqdev.relay.lane import Lane
from zmqdev.relay.native import Lanes, NativeRelay, _native
from zmqdev.relay.target import Target
from zmqdev.routing.decide import Counts
from zmqdev.routing.table import Table

Socket = zmq.Socket[bytes]


class NativeState(_native.Routes):
    """The C implementation of `routing.decide.State`.

    The loop writes the numbers, and any thread may read them. Routes with the same name as in
    `before` continue with its counters.
    """

    table: Table
    _cells: list[array[int]]
    _own: array[int]

    def __new__(cls, table: Table, before: NativeState | None = None) -> NativeState:
        known = {} if before is None else before.named()
        cells = [known.get(route.name) or array("Q", bytes(24)) for route in table.routes]
        own = array("Q", bytes(8 * (2 + len(table.backends)))) if before is None else before._own
        made = super().__new__(cls, compiled(table, cells, own))
        made.table, made._cells, made._own = table, cells, own
        return made

    def named(self) -> dict[str, array[int]]:
        """Return the counters of each route by name."""
        names = (route.name for route in self.table.routes)
        return dict(zip(names, self._cells, strict=True))

    @property
    def counts(self) -> list[Counts]:
        """Return the counts of each route."""
        return [Counts(*cells) for cells in self._cells]

    @property
    def unrouted(self) -> int:
        """Return how many messages no route took."""
        return self._own[0]

    @property
    def dropped(self) -> int:
        """Return how many messages were dropped by a route."""
        return self._own[1]

    @property
    def full(self) -> list[int]:
        """Return how many messages each backend refused."""
        return list(self._own[2:])


class RoutedRelay(NativeRelay):
    """The C implementation of `routed.RoutedRelay`."""

    _core: _native.RoutedRelay

    def __init__(
        self,
        frontend: Socket,
        targets: Sequence[Target],
        wake: Socket,
        counters: Counters,
        table: Table,
        forward: Lane = Lane(),  # noqa: B008 (frozen)
        backward: Lane = Lane(),  # noqa: B008 (frozen)
        *,
        enveloped: bool = False,
        state: NativeState | None = None,
    ) -> None:
        super().__init__(frontend, wake, counters, forward, backward)
        self.targets = targets
        self._enveloped = enveloped
        self._latest = state if state is not None else NativeState(table)
        sockets = (frontend, wake, *(target.socket for target in targets))
        cells = tuple(target.address for target in targets)
        self._core = _native.RoutedRelay(sockets, cells, counters, self._latest, enveloped)

    @property
    def state(self) -> NativeState:
        """Return the state of the present table."""
        found: Any = self._core.routes
        assert isinstance(found, NativeState)
        return found

    def behind(self, source: Socket) -> RoutedRelay:
        """Return a relay from another source, see `twin.Relay`."""
        return RoutedRelay(
            *(source, self.targets, self.wake, self.counters, self.state.table),
            forward=self.forward,
            backward=Lane(enabled=False),
            enveloped=self._enveloped,
            state=self.state,
        )

    def renew(self, table: Table) -> None:
        """Replace the table, see `routed.RoutedRelay`."""
        self._latest = NativeState(table, self._latest)
        self._core.renew(self._latest)

    def _run(self, lanes: Lanes, until_idle: bool, limit_ms: int, in_main_thread: bool) -> bool:
        return self._core.run(*lanes, self.capture, self.tap, until_idle, limit_ms, in_main_thread)
