"""The engine of a plain device: a relay between two sockets.

Draining: what the frontend takes in ends first (intake.py); what had come goes to a store, an
inproc pair without a mark, and from there on its way. A queue whose replies travel back cannot
close the connections of its clients: it takes what is here once, reads no further request, and
waits for as many replies as requests went out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zmq

from zmqdev.device import marks
from zmqdev.device.backlog import Backlog
from zmqdev.device.capture import open_capture, places
from zmqdev.device.engine import Ending, Leftover
from zmqdev.device.intake import Intake
from zmqdev.device.newcomers import keep_out
from zmqdev.device.socket import OpenSocket, Watch, apply, census_of, make, open_side
from zmqdev.errors import RunError, Unchangeable
from zmqdev.options import socktype
from zmqdev.options.device import DeviceSpec, on_demand
from zmqdev.options.kind import DeviceKind
from zmqdev.options.queue import keeps_ids
from zmqdev.options.routes_table import is_routed
from zmqdev.options.side import AnySide
from zmqdev.options.sockopt import SOCKET_OPTIONS
from zmqdev.relay import DIRECTIONS, DROPS, Counters, Lane, Relay
from zmqdev.relay.counters import ROWS
from zmqdev.security.unfinished import Progress
from zmqdev.stats.snapshot import AddressState, Flow
from zmqdev.stats.units import counted
from zmqdev.system.descriptor import remote_of

if TYPE_CHECKING:  # each is imported where it is used: a plain device starts sooner
    from zmqdev.device.backlog import AnyRelay
    from zmqdev.device.demand import DemandRelay
    from zmqdev.device.keep_ids import KeepRelay
    from zmqdev.device.routing import Routing
    from zmqdev.device.subscription_path import Subscribing
    from zmqdev.relay.last_value import Newcomers
    from zmqdev.security.acl import Rights

# Of the drain time, the part after which a peer that does not stop sending is given up.
INTAKE_SHARE = 0.5
# A queue that has passed on so many messages and never had a reply is one way: more than any
# number of workers has under way. Without the empty frame of a request fewer tell it.
ONE_WAY_AFTER, FEW = 1000, 20
# How long a message is waited for that tells whether a queue without a reply so far is one way.
TELLING_MS = 500
# The time for counting what came after the stop.
LATE = 0.05
TURN_MS = 10
Stage = Callable[[Ending], bool]
SLICE_MS = 100
# With these, subscriptions to a topic that is held already go upstream too.
REPEATS = ("xpub_verbose", "xpub_verboser")


def lanes(kind: DeviceKind, spec: DeviceSpec) -> tuple[Lane, Lane]:
    """The rules of the two directions: forward, backward."""
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
    """Options of an XPUB that tells each subscription and unsubscription of each peer."""
    rest = {name: value for name, value in sockopts.items() if name not in REPEATS}
    return {**rest, "xpub_manual" if manual else "xpub_verboser": True}


class RelayEngine:
    """See `Engine` for what each method promises."""

    follows_peers = False

    def __init__(self, kind: DeviceKind, spec: DeviceSpec) -> None:
        self.kind = kind
        self.spec = spec
        self.counters = Counters()
        self._sockets: tuple[OpenSocket, ...] = ()
        self._capture: OpenSocket | None = None
        self._relay: AnyRelay | None = None
        self.routing: Routing | None = None
        self._subscribing: tuple[Subscribing, ...] = ()
        self._newcomers: Newcomers | None = None
        self._kept: KeepRelay | None = None
        self._on_demand: DemandRelay | None = None
        self._context: zmq.Context[Any] | None = None
        self._backlog: Backlog | None = None
        self._stage = 0
        self._two_way: bool | None = None
        self._flushed = False
        self._cut_off = False  # peers did not stop in time
        self._late = 0  # requests that came after the stop
        self._unheard = 0  # passed on while there was no subscription

    @property
    def relay(self) -> AnyRelay:
        assert self._relay is not None, "the engine is not open"
        return self._relay

    @property
    def backlog(self) -> Backlog:
        """Made when the end begins."""
        if self._backlog is None:
            assert self._context is not None, "the engine is not open"
            hook = self.routing.hook if self.routing is not None else None
            self._backlog = Backlog(self._context, self.relay, self.counters, hook)
        return self._backlog

    def open(self, context: zmq.Context[Any], wake: zmq.Socket[bytes], watch: Watch) -> None:
        self._context = context
        rights = self._rights()
        if is_routed(self.spec):  # a function that cannot be imported opens nothing
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
        """Where it is asked for. All is taken from the publishers: a value may be wanted later."""
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
        """Subscriptions are no messages: they are taken in while it is paused as well."""
        if not self._subscribing:
            self.relay.run(forward=not paused, backward=not paused)
            return
        from zmqdev.device.subscription_path import BUSY_MS, CALM_MS

        slice_ms, woken = CALM_MS, False
        while not woken:
            # Subscriptions do not take the relay's way: see `Subscribing`.
            alone, before = self._unsubscribed(), self._passed
            woken = self.relay.run(not paused, False, False, slice_ms)
            # Each has its turn, also behind one that has more.
            more = [subscribing.turn() for subscribing in self._subscribing]
            slice_ms = BUSY_MS if any(more) else CALM_MS
            if alone and self._unsubscribed():
                self._unheard += self._passed - before

    def _unsubscribed(self) -> bool:
        """Whether no subscriber has asked for anything: then an XPUB takes messages and drops
        them."""
        return bool(self._subscribing) and not any(len(one.accounts) for one in self._subscribing)

    @property
    def _passed(self) -> int:
        return self.counters.cells[ROWS["messages"]]

    def drain(self, ending: Ending) -> bool:
        """Each stage ends by itself or at its share of the time; see the head of the module."""
        while self._stage < len(self._stages()):
            if not self._stages()[self._stage](ending):
                return False
            self._stage += 1
        return True

    def _stages(self) -> tuple[Stage, ...]:
        one_way = (self._end_intake, self._pass_on, self._flush)
        if not self._may_reply():
            return one_way
        if not self._stage:  # what is taken tells more
            return (self._take_once,)
        two_way = (self._pass_requests, self._flush, self._await_replies)
        return (self._take_once, *(two_way if self._awaits_replies() else one_way))

    def _end_intake(self, ending: Ending) -> bool:
        frontend = self._sockets[0]
        now = time.monotonic()
        until = now + (ending.deadline - now) * INTAKE_SHARE
        intake = Intake(frontend, ending.watches.get(frontend.name), self.backlog.take)
        self._cut_off = not intake.end(until, ending.at_once)
        return True

    def _take_once(self, ending: Ending) -> bool:
        answered = self.counters.total()["backward"]["messages"]
        watch = ending.watches.get(self._sockets[0].name)
        keep_out(self._sockets[0], watch)
        silent = answered or watch is None or not watch.connections()
        self.backlog.take(0 if silent else TELLING_MS)
        return True

    def _pass_on(self, ending: Ending) -> bool:
        """The message in hand, then what was taken at the end."""
        alone, before = self._unsubscribed(), self._passed
        woken = False
        while not woken and time.monotonic() < ending.deadline and self._has_backlog():
            relay = self.relay if self.relay.held[0] else self.backlog.relay
            slice_ms = _ms(ending.deadline, SLICE_MS)
            woken = relay.run(backward=False, until_idle=True, limit_ms=slice_ms)
        self._unheard += self._passed - before if alone else 0
        return not woken

    def _flush(self, ending: Ending) -> bool:
        """A function gets one more call with nothing, so that what it keeps leaves."""
        if self.routing is None or self.routing.hook is None:
            return True
        from zmqdev.relay.hooked import HookedRelay

        relay = self.backlog.relay
        assert isinstance(relay, HookedRelay)
        if not self._flushed and not self._has_backlog():
            self._flushed = True
            relay.flush()
        passed = self._pass_requests if self._awaits_replies() else self._pass_on
        return passed(ending)

    def _pass_requests(self, ending: Ending) -> bool:
        """The same while replies go back, in turns."""
        while time.monotonic() < ending.deadline and self._has_backlog():
            turn = _ms(ending.deadline, TURN_MS)
            if self.relay.run(forward=bool(self.relay.held[0]), until_idle=True, limit_ms=turn):
                return False
            held = self.relay.held[0]
            if not held and self.backlog.relay.run(until_idle=True, limit_ms=turn):
                return False
        return True

    def _has_backlog(self) -> bool:
        return bool(self.relay.held[0]) or not self.backlog.empty

    def _await_replies(self, ending: Ending) -> bool:
        while time.monotonic() < ending.deadline and self._awaits_more():
            if self.relay.run(forward=False, limit_ms=_ms(ending.deadline, SLICE_MS)):
                return False
        self._late = self.backlog.discard(time.monotonic() + LATE)
        return True

    def _awaits_more(self) -> bool:
        # Where ids are kept a server may say more than it was asked: half a second of silence.
        talks = (
            self._kept is not None and time.monotonic() - self._kept.moved_at < TELLING_MS / 1000
        )
        return talks or self.outstanding() > 0 or bool(self.relay.held[1])

    def _may_reply(self) -> bool:
        return self.kind.replies and self.spec.frontend.type == "ROUTER"

    def _awaits_replies(self) -> bool:
        """Whether replies come at all; decided once, when the drain begins."""
        if self._kept is not None:
            return True  # the server may speak first, and to peers that said little
        if self._two_way is None:
            forward, backward = self.counters.total().values()
            plain = self.backlog.plain and forward["messages"] >= FEW
            one_way = plain or forward["messages"] >= ONE_WAY_AFTER
            self._two_way = self._may_reply() and not (one_way and not backward["messages"])
        return self._two_way

    def outstanding(self) -> int:
        """Requests passed on less replies come back; an estimate, for workers may answer twice."""
        if self._kept is not None:
            return self._kept.unanswered
        total = self.counters.total()
        back = total["backward"]
        answered = back["messages"] + back["unreachable"] + back["full"]
        return total["forward"]["messages"] - answered

    def owed(self) -> int:
        return max(0, self.outstanding()) if self._may_reply() else 0

    def _moved(self) -> int:
        return sum(flow["messages"] for flow in self.counters.total().values())

    def leftover(self) -> Leftover:
        """Lines for the log. What a message in hand or in the backlog waited for is named."""
        reports = []
        inside = self.inside()
        if inside:
            reports.append(f"{counted(inside, 'message')} inside found no {_takers(self.spec)}")
        if self.relay.held[1]:
            reports.append("a reply could not be returned")
        if self._may_reply() and self._awaits_replies() and self.outstanding() > 0:
            reports.append(f"{counted(self.outstanding(), 'request')} had no reply yet")
        if self._late:
            came = counted(self._late, "request")
            reports.append(f"{came} arrived after the stop: not passed on, ask again")
        if self._cut_off:
            reports.append("peers were still sending; messages in transit are lost")
        return Leftover(tuple(f"{self.spec.name}: {report}" for report in reports))

    def inside(self) -> int:
        """Messages taken in and not passed on. Those in the sockets' own queues are not known."""
        if self._backlog is None:
            return sum(self.relay.held)
        return self._backlog.inside + int(self.relay.held[1])

    def close(self, linger_ms: int) -> None:
        if self._relay is not None:
            self._relay.close()
        if self._backlog is not None:
            self._backlog.close()
        for side in (*self._sockets, *((self._capture,) if self._capture else ())):
            # A subscriber sends subscriptions only; one for a publisher that has gone would wait.
            side.close(0 if side.type in socktype.SUBSCRIBERS else linger_ms)

    def released(self, all_read: bool) -> None:
        """Nothing is left to close."""

    def configure(self, key: str, value: Any) -> None:
        if key == "on-full":
            self._set_on_full(value)
            return
        side, _, name = key.partition(".")
        found = {item.name: item for item in self._sockets}
        if side not in found or name not in SOCKET_OPTIONS:
            raise Unchangeable(f"its sides are {', '.join(found)}")
        names = ("sndhwm", "rcvhwm") if name == "hwm" else (name,)
        marks.change(found[side], dict.fromkeys(names, value))

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
        """Rights and routes."""
        rights = self._rights()
        routes = self.routing.read_again() if self.routing is not None else None

        def put() -> None:
            if routes is not None:
                routes()
            for subscribing in self._subscribing if rights is not None else ():
                subscribing.rights = rights

        return put

    def peer_changed(self, side: str, what: str) -> None:
        """libzmq's own round robin needs no word of it."""

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


def _takers(spec: DeviceSpec) -> str:
    types = {side.type for side in spec.targets.values()}
    return "subscriber" if types <= set(socktype.PUBLISHERS) else "peer to take it"


def _ms(until: float, most: int) -> int:
    return max(1, min(most, round((until - time.monotonic()) * 1000)))
