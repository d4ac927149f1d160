"""The engine of a plain device: a relay between two sockets.

Draining, for a device whose replies do not travel back: pass on until the
sources are quiet, for at most half of the time; then unbind, which keeps what
was received (T8), and pass on the rest. A source that flows freely and without
end is given up after a second; publishers, who promise nothing, at once. A
queue cannot unbind: its replies leave through the same connections. It stops
reading requests and waits for as many replies as requests went out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import zmq

from zmqdev.device.engine import Leftover
from zmqdev.device.socket import OpenSocket, Watch, apply, census_of, events, make, open_side
from zmqdev.device.subscription_path import BUSY_MS, CALM_MS, Subscribing
from zmqdev.options import socktype
from zmqdev.options.device import DeviceSpec
from zmqdev.options.kind import DeviceKind
from zmqdev.options.sockopt import SOCKET_OPTIONS
from zmqdev.relay import DIRECTIONS, DROPS, Counters, Lane, Relay
from zmqdev.security import acl
from zmqdev.security.unfinished import Progress
from zmqdev.stats.snapshot import Flow

# A source is quiet when nothing came for this long: what a sender that has ended left in the
# kernel's buffers comes without such a gap.
QUIET_MS = 20
# After this long a source that is never quiet is one that will not end.
ENDLESS = 1.0
SLICE_MS = 100
# With these, subscriptions to a topic that is held already go upstream too.
REPEATS = ("xpub_verbose", "xpub_verboser")


def lanes(kind: DeviceKind, spec: DeviceSpec) -> tuple[Lane, Lane]:
    """The rules of the two directions: forward, backward."""
    assert spec.frontend.type is not None
    assert spec.backend.type is not None
    whole = Lane(max_frames=spec.limits.message_frames, max_bytes=spec.limits.message_bytes)
    forward = replace(whole, on_full="drop" if spec.on_full == "drop" else "block")
    if not kind.replies or not socktype.two_way(spec.frontend.type, spec.backend.type):
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
        self._relay: Relay | None = None
        self._subscribing: Subscribing | None = None
        self._stage = 0

    @property
    def relay(self) -> Relay:
        assert self._relay is not None, "the engine is not open"
        return self._relay

    def open(self, context: zmq.Context[Any], wake: zmq.Socket[bytes], watch: Watch) -> None:
        rights = self._rights()
        try:
            for name in ("frontend", "backend"):
                side = getattr(self.spec, name)
                if side.type == "XPUB":
                    side = replace(side, sockopts=telling_all(side.sockopts, rights is not None))
                opened = open_side(context, name, side, watch, census_of(self.spec.limits))
                self._sockets = (*self._sockets, opened)
            if self.spec.capture:
                self._capture = make(context, "capture", "PUB", {"sndhwm": self.kind.hwm})
                self._capture.bind(self.spec.capture)
        except BaseException:
            self.close(0)
            raise
        frontend, backend = (side.socket for side in self._sockets)
        if self._sockets[1].type == "XPUB":
            first, second = self._sockets
            self._subscribing = Subscribing(
                *(first, second, self.counters, self.spec.limits, rights),
                repeats=any(self.spec.backend.sockopts.get(name) for name in REPEATS),
            )
        forward, backward = lanes(self.kind, self.spec)
        self._relay = Relay(
            frontend, backend, wake, self.counters, forward=forward, backward=backward
        )
        if self._capture is not None:
            self._relay.capture = self._capture.socket

    def _rights(self) -> acl.Rights | None:
        return acl.load(Path(self.spec.topic_acl)) if self.spec.topic_acl else None

    def run(self, *, paused: bool) -> None:
        """Subscriptions are no messages: they are taken in while it is paused as well."""
        if self._subscribing is None:
            self.relay.run(forward=not paused, backward=not paused)
            return
        slice_ms = CALM_MS
        while not self._relay_for(forward=not paused, limit_ms=slice_ms):
            slice_ms = BUSY_MS if self._subscribing.turn() else CALM_MS

    def _relay_for(self, limit_ms: int, forward: bool = True, until_idle: bool = False) -> bool:
        """Let the relay run. Subscriptions do not take its way: see `Subscribing`."""
        backward = self._subscribing is None
        return self.relay.run(forward, backward, until_idle, limit_ms)

    def drain(self, deadline: float) -> bool:
        """Each stage ends by itself or at its share of the time; see the head of the module."""
        start = time.monotonic()
        stages = (
            (self._pass_waiting, start + (deadline - start) / 2),
            (self._close_intake, deadline),
            (self._finish, deadline),
        )
        while self._stage < len(stages):
            stage, until = stages[self._stage]
            if not stage(until):
                return False
            self._stage += 1
        return True

    def _pass_waiting(self, until: float) -> bool:
        """Pass on until the sources are quiet. False when woken."""
        free_until = min(until, time.monotonic() + ENDLESS)
        while time.monotonic() < (until if any(self.relay.held) else free_until):
            before = self._moved()
            if self._relay_for(_ms(until, SLICE_MS), until_idle=True):
                return False
            if any(self.relay.held):
                continue
            if self._sockets[0].type in socktype.SUBSCRIBERS:
                return True
            if self._relay_for(_ms(until, QUIET_MS)):
                return False
            if self._moved() == before and not any(self.relay.held):
                return True
        return True

    def _close_intake(self, until: float) -> bool:
        if not self._awaits_replies():
            self._sockets[0].release_bound()
        return True

    def _finish(self, until: float) -> bool:
        if self._awaits_replies():
            return self._await_replies(until)
        while time.monotonic() < until:
            if self._relay_for(_ms(until, SLICE_MS), until_idle=True):
                return False
            if not any(self.relay.held) or self._only_connected():
                return True
        return True

    def _only_connected(self) -> bool:
        """A connected source keeps sending and cannot be told to stop."""
        return bool(self._sockets[0].addresses) and not any(self.relay.held)

    def _await_replies(self, until: float) -> bool:
        while time.monotonic() < until and (self.outstanding() > 0 or self.relay.held[1]):
            if self.relay.run(forward=self.relay.held[0], limit_ms=_ms(until, SLICE_MS)):
                return False
        return True

    def _awaits_replies(self) -> bool:
        return self.kind.replies and self.spec.frontend.type == "ROUTER"

    def outstanding(self) -> int:
        """Requests passed on less replies come back; an estimate, for workers may answer twice."""
        total = self.counters.total()
        back = total["backward"]
        answered = back["messages"] + back["unreachable"] + back["full"]
        return total["forward"]["messages"] - answered

    def _moved(self) -> int:
        return sum(flow["messages"] for flow in self.counters.total().values())

    def leftover(self) -> Leftover:
        reports = []
        forward, backward = self.relay.held
        if forward:
            reports.append(f"{self.spec.name}: a message found no {_takers(self.spec)}")
        if backward:
            reports.append(f"{self.spec.name}: a reply found no way back")
        if self._awaits_replies() and self.outstanding() > 0:
            reports.append(f"{self.spec.name}: {self.outstanding()} requests had no reply yet")
        if events(self._sockets[0].socket) & zmq.POLLIN:
            reports.append(f"{self.spec.name}: the frontend still had messages; they are lost")
        return Leftover(tuple(reports))

    def close(self, linger_ms: int) -> None:
        if self._relay is not None:
            self._relay.close()
        if self._subscribing is not None:
            self._subscribing.close()
        for side in (*self._sockets, *((self._capture,) if self._capture else ())):
            # A subscriber sends subscriptions only; one for a publisher that has gone would wait.
            side.close(0 if side.type in socktype.SUBSCRIBERS else linger_ms)

    def configure(self, key: str, value: Any) -> None:
        if key == "on-full":
            self.spec = replace(self.spec, on_full=value)
            if self._sockets[1].type in socktype.PUBLISHERS:
                apply(self._sockets[1].socket, {"xpub_nodrop": value == "block"})
            self.relay.forward, self.relay.backward = lanes(self.kind, self.spec)
            return
        side, _, name = key.partition(".")
        found = {item.name: item for item in self._sockets}
        if side not in found or name not in SOCKET_OPTIONS:
            raise KeyError(key)
        names = ("sndhwm", "rcvhwm") if name == "hwm" else (name,)
        found[side].apply(dict.fromkeys(names, value))

    def tap(self, socket: zmq.Socket[bytes] | None) -> None:
        self.relay.tap = socket
        if self._subscribing is not None:
            self._subscribing.tap = socket

    def reload(self) -> None:
        """Read rights again. UsageError names what is wrong, and then all stays as it was."""
        rights = self._rights()
        if rights is not None and self._subscribing is not None:
            self._subscribing.rights = rights

    def peer_changed(self, side: str, what: str) -> None:
        """libzmq's own round robin needs no word of it."""

    def sockets(self) -> tuple[OpenSocket, ...]:
        return self._sockets

    def flows(self) -> tuple[Flow, ...]:
        counts = self.counters.read()
        made = (
            Flow("forward", "frontend", "backend", counts["forward"]),
            Flow("backward", "backend", "frontend", counts["backward"]),
        )
        _, backward = lanes(self.kind, self.spec)
        return made if backward.enabled else made[:1]

    def progress(self, direction: int) -> Progress:
        counts = self.counters.total()[DIRECTIONS[direction]]
        turns = self.counters.turns_ever
        if direction and self._subscribing is not None:
            turns = self._subscribing.turns
        messages = counts["messages"] + sum(counts[drop] for drop in DROPS)
        return Progress(turns, messages, counts["blocked_ns"])

    def details(self) -> Mapping[str, Any]:
        return {}

    def reset(self) -> None:
        self.counters.reset()


def _takers(spec: DeviceSpec) -> str:
    return "subscriber" if spec.backend.type in socktype.PUBLISHERS else "peer to take it"


def _ms(until: float, most: int) -> int:
    return max(1, min(most, round((until - time.monotonic()) * 1000)))
