"""The C half of a relay with routes. Importing this raises ImportError as relay.native does."""

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
    """As routing.decide.State; the numbers are written by the loop and read by any thread. Routes
    of the same name as in `before` go on with its counters."""

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
        names = (route.name for route in self.table.routes)
        return dict(zip(names, self._cells, strict=True))

    @property
    def counts(self) -> list[Counts]:
        return [Counts(*cells) for cells in self._cells]

    @property
    def unrouted(self) -> int:
        return self._own[0]

    @property
    def dropped(self) -> int:
        return self._own[1]

    @property
    def full(self) -> list[int]:
        return list(self._own[2:])


class RoutedRelay(NativeRelay):
    """As routed.RoutedRelay."""

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
        """That of the table that holds now."""
        found: Any = self._core.routes
        assert isinstance(found, NativeState)
        return found

    def behind(self, source: Socket) -> RoutedRelay:
        """As twin.Relay.behind."""
        return RoutedRelay(
            *(source, self.targets, self.wake, self.counters, self.state.table),
            forward=self.forward,
            backward=Lane(enabled=False),
            enveloped=self._enveloped,
            state=self.state,
        )

    def renew(self, table: Table) -> None:
        """As routed.RoutedRelay.renew."""
        self._latest = NativeState(table, self._latest)
        self._core.renew(self._latest)

    def _run(self, lanes: Lanes, until_idle: bool, limit_ms: int, in_main_thread: bool) -> bool:
        return self._core.run(*lanes, self.capture, self.tap, until_idle, limit_ms, in_main_thread)
