"""The end of a plain device: the messages that it has taken in are passed on.

The frontend stops taking in first (intake.py). Messages that have come are put into a backlog, an
inproc pair without a high-water mark, and sent from there to their targets. A queue that sends back
replies cannot close the connections of its clients. It takes the requests that are here once, reads
no further ones, and waits for as many replies as it passed requests on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import zmq

from zmqdev.device.backlog import Backlog
from zmqdev.device.engine import Ending, Leftover
from zmqdev.device.intake import Intake
from zmqdev.device.newcomers import keep_out
from zmqdev.device.socket import OpenSocket
from zmqdev.options import socktype
from zmqdev.options.device import DeviceSpec
from zmqdev.options.kind import DeviceKind
from zmqdev.relay import Counters
from zmqdev.relay.counters import ROWS
from zmqdev.stats.units import counted

if TYPE_CHECKING:  # each is imported where it is used: a plain device starts sooner
    from zmqdev.device.backlog import AnyRelay
    from zmqdev.device.keep_ids import KeepRelay
    from zmqdev.device.routing import Routing
    from zmqdev.device.subscription_path import Subscribing

# The share of the drain time after which a peer that does not stop sending is given up.
INTAKE_SHARE = 0.5
# A queue that has passed on so many messages without any reply is one way: workers do not hold so
# many. For messages without the empty frame of a request, FEW are enough.
ONE_WAY_AFTER, FEW = 1000, 20
# Milliseconds to wait for a message that shows whether a queue without replies so far is one way.
TELLING_MS = 500
# Seconds for counting messages that came after the stop.
LATE = 0.05
TURN_MS = 10
Stage = Callable[[Ending], bool]
SLICE_MS = 100


class RelayDrain:
    """The state of a relay engine at its end, and the stages of the end. See `Engine`."""

    def __init__(self, kind: DeviceKind, spec: DeviceSpec) -> None:
        self.kind = kind
        self.spec = spec
        self.counters = Counters()
        self.routing: Routing | None = None
        self._sockets: tuple[OpenSocket, ...] = ()
        self._relay: AnyRelay | None = None
        self._subscribing: tuple[Subscribing, ...] = ()
        self._kept: KeepRelay | None = None
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
        """Return the relay; the engine must be open."""
        assert self._relay is not None, "the engine is not open"
        return self._relay

    @property
    def backlog(self) -> Backlog:
        """Return the backlog, made when the end begins."""
        if self._backlog is None:
            assert self._context is not None, "the engine is not open"
            hook = self.routing.hook if self.routing is not None else None
            self._backlog = Backlog(self._context, self.relay, self.counters, hook)
        return self._backlog

    def drain(self, ending: Ending) -> bool:
        """Execute the stages; each ends by itself or at its share of the time."""
        while self._stage < len(self._stages()):
            if not self._stages()[self._stage](ending):
                return False
            self._stage += 1
        return True

    def _stages(self) -> tuple[Stage, ...]:
        one_way = (self._end_intake, self._pass_on, self._flush)
        if not self._may_reply():
            return one_way
        if not self._stage:  # the messages that are taken show more
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
        """Pass on the message in hand, then the backlog."""
        alone, before = self._unsubscribed(), self._passed
        woken = False
        while not woken and time.monotonic() < ending.deadline and self._has_backlog():
            relay = self.relay if self.relay.held[0] else self.backlog.relay
            slice_ms = _ms(ending.deadline, SLICE_MS)
            woken = relay.run(backward=False, until_idle=True, limit_ms=slice_ms)
        self._unheard += self._passed - before if alone else 0
        return not woken

    def _flush(self, ending: Ending) -> bool:
        """Call the function once more without messages, so that it yields what it keeps."""
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
        """Pass on the message in hand and the backlog, taking turns with replies."""
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
        # A server behind kept ids may send more than replies: wait for half a second of silence.
        talks = (
            self._kept is not None and time.monotonic() - self._kept.moved_at < TELLING_MS / 1000
        )
        return talks or self.outstanding() > 0 or bool(self.relay.held[1])

    def _may_reply(self) -> bool:
        return self.kind.replies and self.spec.frontend.type == "ROUTER"

    def _awaits_replies(self) -> bool:
        """Return whether there are replies at all; decided once, when the drain begins."""
        if self._kept is not None:
            return True  # the server may send first, also to peers that sent little
        if self._two_way is None:
            forward, backward = self.counters.total().values()
            plain = self.backlog.plain and forward["messages"] >= FEW
            one_way = plain or forward["messages"] >= ONE_WAY_AFTER
            self._two_way = self._may_reply() and not (one_way and not backward["messages"])
        return self._two_way

    def outstanding(self) -> int:
        """Return the requests passed on minus the replies to them.

        It is an estimate, since workers may answer twice.
        """
        if self._kept is not None:
            return self._kept.unanswered
        total = self.counters.total()
        back = total["backward"]
        answered = back["messages"] + back["unreachable"] + back["full"]
        return total["forward"]["messages"] - answered

    def owed(self) -> int:
        """Return how many requests have no reply so far."""
        return max(0, self.outstanding()) if self._may_reply() else 0

    def _moved(self) -> int:
        return sum(flow["messages"] for flow in self.counters.total().values())

    def leftover(self) -> Leftover:
        """Return lines for the log, with what a message in hand or in the backlog waited for."""
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
        """Return how many messages were taken in and not passed on.

        Those in the sockets' own queues are not counted, as their number is unknown.
        """
        if self._backlog is None:
            return sum(self.relay.held)
        return self._backlog.inside + int(self.relay.held[1])

    def _unsubscribed(self) -> bool:
        """Return whether no subscriber holds a subscription; then an XPUB drops all messages."""
        return bool(self._subscribing) and not any(len(one.accounts) for one in self._subscribing)

    @property
    def _passed(self) -> int:
        return self.counters.cells[ROWS["messages"]]


def _takers(spec: DeviceSpec) -> str:
    types = {side.type for side in spec.targets.values()}
    return "subscriber" if types <= set(socktype.PUBLISHERS) else "peer to take it"


def _ms(until: float, most: int) -> int:
    return max(1, min(most, round((until - time.monotonic()) * 1000)))
