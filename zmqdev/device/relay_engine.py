"""The engine of a plain device: a relay between two sockets. Its end is in relay_drain.py."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zmq

from zmqdev.device import marks
from zmqdev.device.capture import open_capture, places
from zmqdev.device.relay_drain import RelayDrain
from zmqdev.device.socket import OpenSocket, Watch, apply, census_of, make, open_side
from zmqdev.device.turnstile import Turnstile
from zmqdev.errors import RunError, Unchangeable
from zmqdev.options import socktype
from zmqdev.options.device import DeviceSpec, on_demand
from zmqdev.options.kind import DeviceKind
from zmqdev.options.queue import keeps_ids
from zmqdev.options.routes_table import is_routed
from zmqdev.options.side import AnySide
from zmqdev.options.sockopt import SOCKET_OPTIONS
from zmqdev.relay import DIRECTIONS, DROPS, Lane, Relay
from zmqdev.security.unfinished import Progress
from zmqdev.stats.snapshot import AddressState, Flow
from zmqdev.system.descriptor import remote_of
from zmqdev.system.libzmq import Keeper

if TYPE_CHECKING:  # each is imported where it is used: a plain device starts sooner
    from zmqdev.device.backlog import AnyRelay
    from zmqdev.device.demand import DemandRelay
    from zmqdev.device.keep_ids import KeepRelay
    from zmqdev.device.subscription_path import Subscribing
    from zmqdev.relay.last_value import Newcomers
    from zmqdev.security.acl import Rights

# Options that choose the targets of messages.
ROUTING = frozenset({"routes", "drop", "keep"})
# Seconds that a topic costs when all of them are sent to a publisher.
TOPIC_COST = 1e-6
# Most milliseconds for messages before the next subscriptions.
MOST_MS = 100
# With these, subscriptions to a topic that is held already go upstream too.
REPEATS = ("xpub_verbose", "xpub_verboser")


def lanes(kind: DeviceKind, spec: DeviceSpec) -> tuple[Lane, Lane]:
    """Return the rules of the two directions: (forward, backward)."""
    assert spec.frontend.type is not None
    backend = next(iter(spec.targets.values())).type
    assert backend is not None
    whole = Lane(max_frames=spec.limits.message_frames, max_bytes=spec.limits.message_bytes)
    forward = replace(whole, on_full="drop" if spec.on_full == "drop" else "block")
    if not kind.replies or not socktype.two_way(spec.frontend.type, backend):
        return forward, Lane(enabled=False)
    if spec.frontend.type == "XSUB":
        return forward, Lane(subscriptions_only=True, topic_limit=spec.limits.topic_length)
    return forward, whole


def telling_all(sockopts: Mapping[str, Any], manual: bool) -> dict[str, Any]:
    """Return options of an XPUB that reports each subscription and unsubscription."""
    rest = {name: value for name, value in sockopts.items() if name not in REPEATS}
    return {**rest, "xpub_manual" if manual else "xpub_verboser": True}


class RelayEngine(RelayDrain):
    """The engine of a plain device. `Engine` documents the methods."""

    follows_peers = False

    def __init__(self, kind: DeviceKind, spec: DeviceSpec) -> None:
        super().__init__(kind, spec)
        self._capture: OpenSocket | None = None
        self._newcomers: Newcomers | None = None
        self._on_demand: DemandRelay | None = None

    def open(self, context: zmq.Context[Any], wake: zmq.Socket[bytes], watch: Watch) -> None:
        self._context = context
        rights = self._rights()
        if is_routed(self.spec):  # first, as importing the function may fail
            from zmqdev.device.routing import Routing

            self.routing = Routing(self.spec)
        try:
            for name, side in self.spec.sides.items():
                manual = rights is not None or bool(self.spec.last_value)
                self._open_side(context, name, side, watch, manual=manual)
            self._capture = open_capture(context, self.spec, {"sndhwm": self.kind.hwm})
        except BaseException:
            self.close(0)
            raise
        frontend, *targets = self._sockets
        self._keep_last_values(frontend, targets[0])
        self._subscribing = tuple(
            self._subscriptions_of(frontend, target, rights)
            for target in targets
            if target.type == "XPUB"
        )
        self._publishers = Turnstile(Keeper.DATA, frontend.listeners)
        self._relay = self._make_relay(frontend, targets, wake)
        if self._capture is not None:
            self._begin_capture(self._capture.socket)

    def _subscriptions_of(
        self, frontend: OpenSocket, target: OpenSocket, rights: Rights | None
    ) -> Subscribing:
        from zmqdev.device.subscription_path import Subscribing

        options = self.spec.targets[target.name].sockopts
        return Subscribing(
            *(frontend, target, self.counters, self.spec.limits, rights),
            repeats=any(options.get(name) for name in REPEATS),
            newcomers=self._newcomers,
        )

    def _begin_capture(self, capture: zmq.Socket[bytes]) -> None:
        self.relay.capture, self.relay.labels = capture, self.spec.capture_prefix or (b"", b"")
        for subscribing in self._subscribing:
            subscribing.capture, subscribing.label = capture, self.relay.labels[1]

    def _open_side(
        self, context: zmq.Context[Any], name: str, side: AnySide, watch: Watch, *, manual: bool
    ) -> None:
        if side.type == "XPUB":
            side = replace(side, sockopts=telling_all(side.sockopts, manual))
        made, descriptors = make, len(self.spec.sides)
        if keeps_ids(self.spec):
            from zmqdev.device.peer_lines import DESCRIPTORS_EACH, make_lines

            made, descriptors = make_lines if name == "backend" else make, DESCRIPTORS_EACH
        census = census_of(self.spec.limits, sides=descriptors)
        self._sockets = (*self._sockets, open_side(context, name, side, watch, census, made))

    def _keep_last_values(self, frontend: OpenSocket, backend: OpenSocket) -> None:
        """Keep last values if configured.

        Everything is subscribed to, since a value may be wanted later.
        """
        if not self.spec.last_value:
            return
        from zmqdev.relay import last_value

        if not last_value.supported():
            raise RunError(
                f"last-value: libzmq {zmq.zmq_version()} does not take option {last_value.OPTION}, "
                "XPUB_MANUAL_LAST_VALUE"
            )
        values = last_value.LastValues(self.spec.last_value)
        self._newcomers = last_value.Newcomers(backend.socket, values)
        if frontend.type == "XSUB":
            frontend.socket.send(b"\x01", zmq.DONTWAIT)

    def _make_relay(
        self, frontend: OpenSocket, targets: Sequence[OpenSocket], wake: zmq.Socket[bytes]
    ) -> AnyRelay:
        forward, backward = lanes(self.kind, self.spec)
        if self.routing is not None:
            return self.routing.relay(
                *(frontend, targets, wake, self.counters), (forward, backward)
            )
        if on_demand(self.spec):
            from zmqdev.device.demand import DemandRelay

            workers = targets[0].socket
            made = DemandRelay(frontend.socket, workers, wake, self.counters, forward)
            self._on_demand = made
            return made
        if keeps_ids(self.spec):
            self._kept = self._keep_relay(frontend, targets[0], wake)
            return self._kept
        sockets = (frontend.socket, targets[0].socket, wake, self.counters)
        if self._newcomers is not None:
            from zmqdev.relay.last_value import LastValueRelay

            return LastValueRelay(
                *sockets, values=self._newcomers.values, forward=forward, backward=backward
            )
        return Relay(*sockets, forward=forward, backward=backward)

    def _keep_relay(
        self, frontend: OpenSocket, server: OpenSocket, wake: zmq.Socket[bytes]
    ) -> KeepRelay:
        from zmqdev.device.keep_ids import KeepRelay
        from zmqdev.device.peer_lines import LinesRoom, LinesSide

        assert isinstance(server, LinesSide)  # as _open_side made it
        room = LinesRoom(self.spec.limits.connections, server.lines)

        def refuse(descriptor: int) -> None:
            if frontend.guard is not None:
                address = remote_of(descriptor) or frontend.name
                frontend.guard.refuse("connections", room.why, address, time.monotonic())

        return KeepRelay(
            *(frontend, server.lines, wake, self.counters),
            *lanes(self.kind, self.spec),
            room=room,
            refuse=refuse,
            linger_ms=int(self.spec.backend.sockopts["linger"]),
        )

    def _rights(self) -> Rights | None:
        if not self.spec.topic_acl:
            return None
        from zmqdev.security.acl import load

        return load(Path(self.spec.topic_acl))

    def run(self, *, paused: bool) -> None:
        """Move messages. Subscriptions are no messages, so they are handled while paused as
        well."""
        if not self._subscribing:
            self.relay.run(forward=not paused, backward=not paused)
            return
        from zmqdev.device.subscription_path import BUSY_MS, CALM_MS

        slice_ms, busy, woken = CALM_MS, False, False
        while not woken:
            # Subscriptions are not handled by the relay, see `Subscribing`.
            alone, before = self._unsubscribed(), self._passed
            began = time.thread_time()
            woken = self.relay.run(not paused, False, busy, slice_ms)
            overrun = time.thread_time() - began - slice_ms / 1000
            began = time.monotonic()
            # Each has its turn, also behind one that has more.
            more = [subscribing.turn(overrun) for subscribing in self._subscribing]
            busy = any(more)
            self._let_publishers_in(overrun)
            crowded = self._publishers.crowded or any(s.crowded for s in self._subscribing)
            slice_ms = CALM_MS
            if busy or crowded:  # messages get as much time as the subscriptions took
                spent_ms = math.ceil((time.monotonic() - began) * 1000)
                slice_ms = max(BUSY_MS, min(spent_ms, MOST_MS))
            if alone and self._unsubscribed():
                self._unheard += self._passed - before

    def _let_publishers_in(self, overrun: float) -> None:
        """Accept more publishers. Each one that connects is sent all topics."""
        topics = max(len(one.accounts) for one in self._subscribing)
        self._publishers.overran(overrun)
        self._publishers.caught_up(topics * TOPIC_COST)

    def close(self, linger_ms: int) -> None:
        if self._relay is not None:
            self._relay.close()
        if self._backlog is not None:
            self._backlog.close()
        for side in (*self._sockets, *((self._capture,) if self._capture else ())):
            # A subscriber sends only subscriptions; those to a publisher that is gone would linger.
            side.close(0 if side.type in socktype.SUBSCRIBERS else linger_ms)

    def released(self, all_read: bool) -> None:
        """Do nothing: nothing is left to release."""

    def configure(self, key: str, value: Any) -> None:
        if key == "on-full":
            self._set_on_full(value)
            return
        if key in ROUTING:
            self._route(replace(self.spec, **{key: value}))
            return
        side, _, name = key.partition(".")
        found = {item.name: item for item in self._sockets}
        if side not in found or name not in SOCKET_OPTIONS:
            raise Unchangeable(f"its sides are {', '.join(found)}")
        names = ("sndhwm", "rcvhwm") if name == "hwm" else (name,)
        marks.change(found[side], dict.fromkeys(names, value))

    def _route(self, spec: DeviceSpec) -> None:
        if self.routing is None:
            raise Unchangeable("it has no routes")
        self.routing.change(spec)
        self.spec = spec

    def _set_on_full(self, word: str) -> None:
        if self.routing is not None:
            self.routing.set_on_full(word)
        self.spec = replace(self.spec, on_full=word)
        self.relay.forward, self.relay.backward = lanes(self.kind, self.spec)
        for target in self._sockets[1:] if self.routing is None else ():
            if target.type in socktype.PUBLISHERS:
                apply(target.socket, {"xpub_nodrop": word == "block"})

    def tap(self, socket: zmq.Socket[bytes] | None) -> None:
        self.relay.tap = socket
        if self._backlog is not None:
            self._backlog.relay.tap = socket
        for subscribing in self._subscribing:
            subscribing.tap = socket

    def read_again(self) -> Callable[[], None]:
        """Read rights and routes again."""
        rights = self._rights()
        routes = self.routing.read_again() if self.routing is not None else None

        def put() -> None:
            if routes is not None:
                routes()
            for subscribing in self._subscribing if rights is not None else ():
                subscribing.rights = rights

        return put

    def peer_changed(self, side: str, what: str) -> None:
        """Do nothing: libzmq distributes messages by itself."""

    def sockets(self) -> tuple[OpenSocket, ...]:
        return self._sockets

    def beside(self) -> dict[str, AddressState]:
        return places(self._capture)

    def flows(self) -> tuple[Flow, ...]:
        made = Flow.both(self.counters.read())
        _, backward = lanes(self.kind, self.spec)
        return made if backward.enabled else made[:1]

    def progress(self, direction: int) -> Progress:
        counts = self.counters.total()[DIRECTIONS[direction]]
        turns, emptied = self.counters.turns_ever, 0
        if direction and self._subscribing:
            turns = min(one.turns for one in self._subscribing)
            emptied = min(one.emptied for one in self._subscribing)
        messages = counts["messages"] + sum(counts[drop] for drop in DROPS)
        return Progress(turns, messages, counts["blocked_ns"], emptied)

    def details(self) -> Mapping[str, Any]:
        found = {} if self.routing is None else dict(self.routing.details())
        if self._backlog is not None:
            found["inside"] = self._backlog.inside
        if self._kept is not None:
            found["kept_ids"] = len(self._kept.lines.of)
        if self._subscribing:
            found["unheard"] = self._unheard
        if self._on_demand is not None:
            asks = self._on_demand.asks
            found["demand"] = {"asked": len(asks.waiting), "asks_lost": asks.lost}
        if self._newcomers is not None:
            found["last_value"] = self._newcomers.plain()
        return found

    def reset(self) -> None:
        self.counters.reset()
        self._unheard = 0
        if self.routing is not None:
            self.routing.reset()
