"""The routes of a running device: its table, its counts, and how it is replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import zmq

from zmqdev.device.socket import OpenSocket
from zmqdev.errors import UsageError
from zmqdev.options.device import DeviceSpec
from zmqdev.options.layer import Written
from zmqdev.options.routes import Rules, rules_of, table_of
from zmqdev.relay import Counters, Lane, recv_burst, send_burst
from zmqdev.relay.routed import RoutedRelay, Target
from zmqdev.routing.decide import State
from zmqdev.routing.table import Table
from zmqdev.routing.words import matched, targets

_COUNTED = ("messages", "bytes", "full", "blocked_ns")


class Routing:
    """Made when the sockets are open. Others may ask at any time, in any thread."""

    def __init__(self, spec: DeviceSpec) -> None:
        self._spec = spec
        self._rules = self._read()
        self.state = State(table_of(spec, self._rules))
        self._relay: RoutedRelay | None = None
        self._zero: dict[tuple[str, str], Mapping[str, int]] = {}
        self._zero_unrouted = 0

    def relay(
        self,
        frontend: OpenSocket,
        backends: Sequence[OpenSocket],
        wake: zmq.Socket[bytes],
        counters: Counters,
        lanes: tuple[Lane, Lane],
    ) -> RoutedRelay:
        """The relay of these sockets. Addresses lead a message where a ROUTER is at an end."""
        self._relay = RoutedRelay(
            *(frontend.socket, [Target(one.name, one.socket) for one in backends], wake),
            *(counters, self.state),
            forward=lanes[0],
            backward=lanes[1],
            enveloped=any(one.type == "ROUTER" for one in (frontend, *backends)),
            receive=recv_burst,
            send=send_burst,
        )
        return self._relay

    def read_again(self) -> Callable[[], None]:
        """Read the file of the routes again; what is returned puts them into force. UsageError
        names what is wrong."""
        if not isinstance(self._spec.routes, str):
            return lambda: None
        rules = self._read()
        if rules.of_file != self._rules.of_file:
            raise UsageError(
                "other backends need a restart; routes and tests alone can be read again",
                self._spec.routes,
            )
        table = table_of(self._spec, rules)
        return lambda: self._put(rules, table)

    def use(self, rules: Rules) -> None:
        """Let other rules hold from the next message on."""
        self._put(rules, table_of(self._spec, rules))

    def _put(self, rules: Rules, table: Table) -> None:
        self._rules = rules
        if self._relay is not None:
            self._relay.renew(State(table))

    def details(self) -> dict[str, Any]:
        routes = [self._since(("route", row["name"]), row) for row in self._routes()]
        backends = [self._since(("backend", row["name"]), row) for row in self._backends()]
        unrouted = self._now.unrouted - self._zero_unrouted
        return {"routes": routes, "unrouted": unrouted, "backends": backends}

    def reset(self) -> None:
        """Let readers count from zero again."""
        self._zero = {("route", row["name"]): row for row in self._routes()}
        self._zero |= {("backend", row["name"]): row for row in self._backends()}
        self._zero_unrouted = self._now.unrouted

    @property
    def _now(self) -> State:
        return self.state if self._relay is None else self._relay.state

    def _read(self) -> Rules:
        return rules_of(self._spec, Written())

    def _routes(self) -> list[dict[str, Any]]:
        state = self._now
        return [
            {
                "name": route.name,
                "match": matched(route),
                "to": targets(state.table, route),
                "messages": counts.messages,
                "bytes": counts.bytes,
                "full": counts.full,
            }
            for route, counts in zip(state.table.routes, state.counts, strict=True)
        ]

    def _backends(self) -> list[dict[str, Any]]:
        return [] if self._relay is None else [one.counts() for one in self._relay.targets]

    def _since(self, key: tuple[str, str], row: dict[str, Any]) -> dict[str, Any]:
        zero = self._zero.get(key, {})
        return {k: v - zero.get(k, 0) if k in _COUNTED else v for k, v in row.items()}
