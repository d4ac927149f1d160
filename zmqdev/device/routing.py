"""The routes of a running device: its table and counts, and their replacement."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import zmq

from zmqdev.device.hook_log import HookLog
from zmqdev.device.socket import OpenSocket
from zmqdev.errors import Unchangeable, UsageError
from zmqdev.options.device import DeviceSpec
from zmqdev.options.layer import Written
from zmqdev.options.routes import Rules
from zmqdev.options.routes_table import rules_of, table_of
from zmqdev.relay import Counters, Lane, recv_burst, routed, send_burst
from zmqdev.relay.asks import Asks
from zmqdev.relay.fan import RoutedRelay, Target, pump
from zmqdev.relay.hook import Hook
from zmqdev.relay.hooked import HookedRelay
from zmqdev.routing.decide import Counts
from zmqdev.routing.table import Table
from zmqdev.routing.words import matched, targets

# Seconds after which a busy function lets the other threads of the program run.
SWITCH = 0.0005
# Thresholds of Python's garbage collector: each message is a list, and a burst must not start it.
COLLECT = (50_000, 20, 20)
_COUNTED = ("messages", "bytes", "full", "blocked_ns")


class Routing:
    """The routes of a device.

    Make it when the sockets are open. Its figures may be read at any time, in any thread.
    """

    def __init__(self, spec: DeviceSpec) -> None:
        self._spec = spec
        self._rules = self._read()
        self._table = table_of(spec, self._rules)
        self._relay: RoutedRelay | None = None
        self._zero: dict[tuple[str, str], Mapping[str, int]] = {}
        self._zero_unrouted = 0
        self._zero_hook = (0, 0)
        self.hook = self._make_hook()

    def relay(
        self,
        frontend: OpenSocket,
        backends: Sequence[OpenSocket],
        wake: zmq.Socket[bytes],
        counters: Counters,
        lanes: tuple[Lane, Lane],
    ) -> RoutedRelay:
        """Make the relay of these sockets.

        Messages begin with an address where either end is a ROUTER.
        """
        targets = [self._target(one) for one in backends]
        options: dict[str, Any] = {
            "forward": lanes[0],
            "backward": lanes[1],
            "enveloped": frontend.type == "ROUTER"
            or any(target.is_router and target.asks is None for target in targets),
        }
        in_python: dict[str, Any] = {**options, "receive": recv_burst, "send": send_burst}
        made = (frontend.socket, targets, wake, counters, self._table)
        if self.hook is not None:
            self._relay = HookedRelay(*made, hook=self.hook, pump=pump, **in_python)
        elif any(target.asks is not None for target in targets):
            self._relay = routed.RoutedRelay(*made, **in_python)
        else:
            self._relay = RoutedRelay(*made, **options)
        return self._relay

    def _target(self, side: OpenSocket) -> Target:
        asks = Asks() if self._spec.targets[side.name].demand else None
        return Target(side.name, side.socket, asks=asks)

    def _make_hook(self) -> Hook | None:
        file = self._rules.hook
        if file is None:
            return None
        sys.setswitchinterval(SWITCH)
        gc.freeze()
        gc.set_threshold(*COLLECT)
        names = {name: at for at, name in enumerate(self._spec.targets)}
        return Hook(file.load(), names, HookLog(str(self._spec.name), file).say)

    def read_again(self) -> Callable[[], None]:
        """Read the file of the routes again; return a function that applies it.

        UsageError names the error.
        """
        if not isinstance(self._spec.routes, str):
            return lambda: None
        rules = self._read()
        if rules.hook is not None and self.hook is not None:
            hook, function = self.hook, rules.hook.load()
            say = HookLog(str(self._spec.name), rules.hook).say
            return lambda: hook.renew(function, say)
        if rules.of_file != self._rules.of_file:
            raise UsageError(
                "a change of backends needs a restart; only routes and tests can be reloaded",
                self._spec.routes,
            )
        table = table_of(self._spec, rules)
        return lambda: self._put(rules, table)

    def set_on_full(self, word: str) -> None:
        """Set `on-full` for routes that do not set it; Unchangeable if they do not allow it."""
        spec = replace(self._spec, on_full=word)
        try:
            table = table_of(spec, self._rules)
        except UsageError as error:
            raise Unchangeable(error.message) from None
        self._spec = spec
        if self.hook is None:
            self._put(self._rules, table)
            return
        for target in () if self._relay is None else self._relay.targets:
            target.have_wait(word == "block")

    def change(self, spec: DeviceSpec) -> None:
        """Apply the routes of these settings from the next message on.

        Unchangeable: this device cannot, and its routes stay.
        """
        try:
            rules = rules_of(spec, Written())
            table = table_of(spec, rules)
        except UsageError as error:
            raise Unchangeable(error.message) from None
        if self.hook is not None or rules.hook is not None:
            raise Unchangeable("a Python function stands in place of routes")
        if rules.of_file != self._rules.of_file:
            raise Unchangeable("the file of the routes names other backends")
        self._spec = spec
        self._put(rules, table)

    def use(self, rules: Rules) -> None:
        """Apply other rules from the next message on."""
        self._put(rules, table_of(self._spec, rules))

    def _put(self, rules: Rules, table: Table) -> None:
        self._rules, self._table = rules, table
        if self._relay is not None:
            self._relay.renew(table)

    def details(self) -> dict[str, Any]:
        """Return the counts of routes and backends, and those of the function and of demand."""
        routes = [self._since(("route", row["name"]), row) for row in self._routes()]
        backends = [self._since(("backend", row["name"]), row) for row in self._backends()]
        unrouted = self._unrouted - self._zero_unrouted
        told = {"routes": routes, "unrouted": unrouted, "backends": backends}
        return told | self._of_hook() | self._of_demand()

    def _of_demand(self) -> dict[str, Any]:
        """Return the jobs asked for, and those of workers that have gone."""
        targets = [] if self._relay is None else self._relay.targets
        found = [target.asks for target in targets if target.asks is not None]
        if not found:
            return {}
        asked = sum(len(asks.waiting) for asks in found)
        return {"demand": {"asked": asked, "asks_lost": sum(asks.lost for asks in found)}}

    def _of_hook(self) -> dict[str, Any]:
        """Return the function's failures, its nanoseconds, and its share of the last second."""
        if self.hook is None:
            return {}
        failed, ns = self._zero_hook
        hook = self.hook
        return {
            "failed": hook.failed - failed,
            "hook_ns": hook.ns - ns,
            "hook_share": round(hook.share, 4),
        }

    def reset(self) -> None:
        """Let readers count from zero again."""
        self._zero = {("route", row["name"]): row for row in self._routes()}
        self._zero |= {("backend", row["name"]): row for row in self._backends()}
        self._zero_unrouted = self._unrouted
        if self.hook is not None:
            self._zero_hook = (self.hook.failed, self.hook.ns)

    @property
    def _unrouted(self) -> int:
        return 0 if self._relay is None else self._relay.state.unrouted

    def _read(self) -> Rules:
        return rules_of(self._spec, Written())

    def _routes(self) -> list[dict[str, Any]]:
        table, told = self._table, [Counts() for _ in self._table.routes]
        if self._relay is not None:
            state = self._relay.state
            table, told = state.table, state.counts
        return [
            {
                "name": route.name,
                "match": matched(route),
                "to": targets(table, route),
                "messages": counts.messages,
                "bytes": counts.bytes,
                "full": counts.full,
            }
            for route, counts in zip(table.routes, told, strict=True)
        ]

    def _backends(self) -> list[dict[str, Any]]:
        if self._relay is None:
            return []
        full = self._relay.state.full
        return [
            {**target.counts(), "full": full[at]} for at, target in enumerate(self._relay.targets)
        ]

    def _since(self, key: tuple[str, str], row: dict[str, Any]) -> dict[str, Any]:
        zero = self._zero.get(key, {})
        return {k: v - zero.get(k, 0) if k in _COUNTED else v for k, v in row.items()}
