"""The routing of one message, step by step: its targets, and those it has to wait for.

The first route whose conditions hold takes the message; `copy` routes before it get copies. A
backend gets a message at most once, from the first route that names it. `offer(index, message)`
passes it to a backend and returns whether the backend took it. Offers are made in a fixed
order, so that both halves of the relay decide alike when they get the same answers.

    decision = begin(frames)
    while not decision.done:
        advance(state, decision, offer, now)
        # decision.waits: backends of which one (decision.any) or all must get room first
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from zmqdev.routing.condition import FrameMatch, frame_of, holds
from zmqdev.routing.limits import WHOLE, RateLimit, ShareLimit
from zmqdev.routing.pattern import match
from zmqdev.routing.rendezvous import choose, fnv1a, share_of
from zmqdev.routing.table import Rename, Route, Table

Frames = Sequence[bytes]
Offer = Callable[[int, list[bytes]], bool]


@dataclass
class Counts:
    """Counts of one route: messages it took or copied, their bytes, deliveries dropped as full."""

    messages: int = 0
    bytes: int = 0
    full: int = 0


class State:
    """What a table remembers between messages; counters belong to names of routes."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.counts = [Counts() for _ in table.routes]
        self.unrouted = self.dropped = 0
        self.full = [0 for _ in table.backends]
        """Of each backend: messages that it had no room for and that did not wait for it."""
        self.shares = [ShareLimit(route.share) for route in table.routes]
        self.rates = [RateLimit(route.rate) if route.rate else None for route in table.routes]
        self.turns = [0 for _ in table.routes]
        self.hashes = table.hashes
        self.starts = [route.starts for route in table.routes]

    def follow(self, before: State) -> None:
        """Take over the counters of routes with the same name, after a table was read again."""
        known = {
            route.name: counts
            for route, counts in zip(before.table.routes, before.counts, strict=True)
        }
        for index, route in enumerate(self.table.routes):
            self.counts[index] = known.get(route.name, self.counts[index])
        self.unrouted, self.dropped, self.full = before.unrouted, before.dropped, before.full


@dataclass
class Decision:
    """The state of a message. `at` is the next route to look at; backends in `given` have it."""

    envelope: Frames
    frames: Frames
    at: int = 0
    given: set[int] = field(default_factory=set)
    waits: tuple[int, ...] = ()
    any: bool = False
    ended: bool = False
    blocks: bool = False  # a backend that is full is waited for
    held: Frames = ()  # what the backends in `waits` are to get
    taken_by: list[int] = field(default_factory=list)  # routes, by index
    delivered: int = 0  # how many backends have it
    lost: str = ""  # why a backend lacks it: route, unrouted or full

    @property
    def done(self) -> bool:
        """Whether the message is routed and waits for no backend."""
        return self.ended and not self.waits

    @property
    def size(self) -> int:
        """Return the bytes of the message without its envelope."""
        return sum(map(len, self.frames))


def begin(frames: Frames, envelope: int = 0) -> Decision:
    """Begin with a message whose first `envelope` frames are ignored by routes."""
    return Decision(frames[:envelope], frames[envelope:])


def advance(state: State, decision: Decision, offer: Offer, now: int) -> None:
    """Route the message as far as possible now. `now` is in nanoseconds.

    When it has to wait, `decision.waits` is not empty and the next call continues
    there.
    """
    if decision.waits:
        _retry(state, decision, offer)
    while not decision.waits and not decision.ended:
        _look(state, decision, offer, now)


def _look(state: State, decision: Decision, offer: Offer, now: int) -> None:
    """Apply the next route that takes it, or the rest when there is none."""
    routes, starts = state.table.routes, state.starts
    first = decision.frames[0] if decision.frames else b""
    while decision.at < len(routes):
        index = decision.at
        decision.at += 1
        if not first.startswith(starts[index]):  # takes a tenth of the time of a full match
            continue
        route = routes[index]
        if holds(route.conditions, decision.frames) and _within(state, index, decision, now):
            _take(state, index, decision, offer)
            return
    decision.ended = True
    decision.blocks = state.table.rest_on_full == "block"
    rest = state.table.rest
    state.unrouted += 1
    if rest is None:
        state.dropped += 1
        decision.lost = "unrouted"
    elif rest not in decision.given:
        message = [*decision.envelope, *decision.frames]
        if not _hand(decision, rest, message, offer):
            _refuse_rest(state, decision, rest, message)


def _hand(decision: Decision, target: int, message: list[bytes], offer: Offer) -> bool:
    """Offer the message; return True when the backend has it."""
    if not offer(target, message):
        return False
    decision.given.add(target)
    decision.delivered += 1
    return True


def _refuse_rest(state: State, decision: Decision, rest: int, message: list[bytes]) -> None:
    if decision.blocks:
        decision.waits, decision.any, decision.held = (rest,), False, message
    else:
        state.full[rest] += 1
        decision.lost = "full"


def _within(state: State, index: int, decision: Decision, now: int) -> bool:
    """Whether share and rate of a route allow one more message."""
    route = state.table.routes[index]
    key = None if route.by is None else frame_of(decision.frames, route.by) or b""
    if route.share < WHOLE and not (
        state.shares[index].take() if key is None else share_of(key) < route.share
    ):
        return False
    rate = state.rates[index]
    return rate is None or rate.take(now, 0 if key is None else fnv1a(key))


def _take(state: State, index: int, decision: Decision, offer: Offer) -> None:
    route, counts = state.table.routes[index], state.counts[index]
    decision.taken_by.append(index)
    counts.messages += 1
    counts.bytes += decision.size
    decision.ended = not route.copy
    decision.blocks = route.on_full == "block"
    targets = [target for target in route.targets if target not in decision.given]
    if not route.targets:
        state.dropped += 1
        decision.lost = "route"
        return
    message = [*decision.envelope, *_renamed(route, decision.frames)]
    if route.pick == "all":
        full = tuple(one for one in targets if not _hand(decision, one, message, offer))
        if full:
            _refused(state, index, decision, full, message, any_of=False)
    elif targets:
        _to_one(state, index, decision, targets, message, offer)


def _to_one(
    state: State,
    index: int,
    decision: Decision,
    targets: list[int],
    message: list[bytes],
    offer: Offer,
) -> None:
    """Give it to one of the targets: the `first` with room, the `next` in turn, or by key."""
    order = _order(state, index, decision, targets)
    for target in order:
        if _hand(decision, target, message, offer):
            _turned(state, index, target)
            return
    _refused(state, index, decision, tuple(order), message, any_of=True)


def _order(state: State, index: int, decision: Decision, targets: list[int]) -> list[int]:
    route = state.table.routes[index]
    if route.pick == "next":
        turn = state.turns[index] % len(route.targets)
        turned = (*route.targets[turn:], *route.targets[:turn])
        return [target for target in turned if target in targets]
    if route.pick == "hash":
        key = frame_of(decision.frames, route.by or 0) or b""
        return [targets[choose(key, [state.hashes[target] for target in targets])]]
    return targets


def _refused(
    state: State,
    index: int,
    decision: Decision,
    targets: tuple[int, ...],
    message: list[bytes],
    *,
    any_of: bool,
) -> None:
    """Act on backends without room, as `on-full` says."""
    if decision.blocks:
        decision.waits, decision.any, decision.held = targets, any_of, message
        return
    state.counts[index].full += 1 if any_of else len(targets)
    for target in targets:
        state.full[target] += 1
    decision.lost = "full"
    if state.table.routes[index].on_full == "next":
        decision.ended = False


def _retry(state: State, decision: Decision, offer: Offer) -> None:
    """Offer the held message again to the backends it waits for."""
    message = list(decision.held)
    for target in decision.waits:
        if not _hand(decision, target, message, offer):
            continue
        if decision.any:
            decision.waits = ()
            _turned(state, decision.at - 1, target)
            return
        decision.waits = tuple(one for one in decision.waits if one != target)


def _turned(state: State, index: int, target: int) -> None:
    """Continue `next` after the backend that took the message, even if that had to wait."""
    route = state.table.routes[index]
    if route.pick == "next":
        state.turns[index] = route.targets.index(target) + 1


def _renamed(route: Route, frames: Frames) -> Frames:
    if route.rename is None or not frames:
        return frames
    return [_name(route, route.rename, frames[0]), *frames[1:]]


def _name(route: Route, rename: Rename, first: bytes) -> bytes:
    """Return the new first frame.

    If the name asks for it, it contains what the first `*` of the first matching
    pattern matched.
    """
    taken = b""
    if rename.captured:
        patterns = (
            pattern
            for condition in route.conditions
            if isinstance(condition, FrameMatch) and condition.number == 0
            for pattern in condition.patterns
        )
        found = (match(pattern, first) for pattern in patterns)
        taken = next((one for one in found if one is not None), b"")
    return rename.before + taken + rename.after
