"""The C half of a relay with routes. Importing this raises ImportError as relay.native does."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Sequence
from typing import Any

import zmq

from zmqdev.relay.compiled import compiled
from zmqdev.relay.counters import Counters
from zmqdev.relay.lane import Lane
from zmqdev.relay.native import _native, rules
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
        own = array("Q", bytes(16)) if before is None else before._own
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


class RoutedRelay:
    """As routed.RoutedRelay. `run` releases the GIL until it returns."""

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
        self.frontend, self.targets, self.wake = frontend, targets, wake
        self.counters = counters
        self.forward, self.backward = forward, backward
        self.capture: Socket | None = None
        self.tap: Socket | None = None
        self._labels = (b"", b"")
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

    @property
    def labels(self) -> tuple[bytes, bytes]:
        """As twin.Relay.labels."""
        return self._labels

    @labels.setter
    def labels(self, labels: tuple[bytes, bytes]) -> None:
        self._labels = labels
        self._core.label(*labels)

    @property
    def held(self) -> tuple[bool, bool]:
        """As twin.Relay.held; to be read between two runs."""
        return self._core.held

    def close(self) -> None:
        """As twin.Relay.close."""
        self._core.close()

    def run(
        self,
        forward: bool = True,
        backward: bool = True,
        until_idle: bool = False,
        limit_ms: int = -1,
    ) -> bool:
        """As twin.Relay.run."""
        return self._core.run(
            rules(self.forward) if forward and self.forward.enabled else None,
            rules(self.backward) if backward and self.backward.enabled else None,
            self.capture,
            self.tap,
            until_idle,
            limit_ms,
            threading.current_thread() is threading.main_thread(),
        )
