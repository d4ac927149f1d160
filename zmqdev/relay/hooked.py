"""A relay to several targets that a Python function chooses, see relay.hook.

A message counts as passed on for each backend that took one, and as `hook` where the function
failed. Messages that the function takes without yielding any are not counted.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import zmq

from zmqdev.relay.bursts import BURST_BYTES
from zmqdev.relay.counters import ROWS
from zmqdev.relay.hook import Hook, Pump
from zmqdev.relay.pump import pump
from zmqdev.relay.routed import RoutedRelay
from zmqdev.relay.twin import BYTES, FULL, MESSAGES, Direction
from zmqdev.relay.veil import veil
from zmqdev.routing.decide import Decision

EVERY = 100_000_000
"""Nanoseconds after which the function is called with nothing."""
BURST = 1000
"""Messages that it is given at once, and steps of one turn."""
UNHEARD = 100
"""Messages to a PUB or XPUB before it listens to what was read from it; see twin.py."""
Socket = zmq.Socket[bytes]


class HookedRelay(RoutedRelay):
    """A RoutedRelay in which the function decides; the table has no routes."""

    def __init__(self, *sockets: Any, hook: Hook, pump: Pump = pump, **options: Any) -> None:
        super().__init__(*sockets, **options)
        self.hook = hook
        self._pump, self._ends = pump, tuple(self.targets)
        publishes = any(target.is_publisher for target in self.targets)
        self._at_once = UNHEARD if publishes else BURST
        self._due = 0

    def behind(self, source: Socket) -> HookedRelay:
        """Return a relay from another source to the same targets."""
        return HookedRelay(
            *(source, self.targets, self.wake, self.counters, self.state.table),
            **self.behind_options(),
            hook=self.hook,
            pump=self._pump,
        )

    def flush(self) -> None:
        """Call the function once more without messages, in the next run."""
        self.hook.begin(())
        self._fan.held = _HELD

    def _turn(self, flow: Direction) -> int:
        if flow is not self._fan:
            return super()._turn(flow)
        self._hear()
        self._count_blocked(flow)
        flow.noting = self.counters.origins.wanted
        moved = 0 if self._is_busy() else self._feed()
        left = BURST
        while left > 0 and self._is_busy():
            stepped = self._step(min(left, self._at_once))
            moved, left = moved + stepped, left - max(1, stepped)
            if self._fan.decision is not None:
                break
        flow.held = _HELD if self._is_busy() else None
        if self._fan.decision is None:
            flow.since = 0
        return moved

    def _is_busy(self) -> bool:
        return self._fan.decision is not None or self.hook.busy

    def _feed(self) -> int:
        """Call the function with what has come, or without messages when it is time.

        Returns how many messages there were.
        """
        seen: set[int] | None = set() if self._fan.noting else None
        burst = self._receive(self._fan.source, BURST, *(() if seen is None else (seen,)))
        now = time.monotonic_ns()
        if seen:
            self.counters.origins.note(0, seen)
        given = burst if self._all_fit(burst) else list(filter(self._lets_in, burst))
        if given or now >= self._due:
            self._due = now + EVERY
            self.hook.begin(list(map(_veiled_message, given)) if self._fan.from_router else given)
        return len(burst)

    def _all_fit(self, burst: list[list[bytes]]) -> bool:
        """Return whether no message breaks a limit, as far as it is known without looking at each.

        A burst ends with the message that brings it to BURST_BYTES.
        """
        lane = self._fan.lane
        if not burst or (lane.max_frames and max(map(len, burst)) > lane.max_frames):
            return not burst
        large = lane.max_bytes and lane.max_bytes < max(BURST_BYTES, sum(map(len, burst[-1])))
        return not large

    def _lets_in(self, message: list[bytes]) -> bool:
        return self._is_within(self._fan, message)

    def _step(self, limit: int) -> int:
        """Send the held message, or have the function yield more; return how many steps it took."""
        fan = self._fan
        if fan.decision is not None:
            return int(self._send_held(fan.decision))
        failed = self.hook.failed
        step = self.hook.step(self._pump, self._ends, limit, self.capture, self.tap, self.labels[0])
        self._count(fan, ROWS["hook"], self.hook.failed - failed)
        self._count(fan, BYTES, step.size)
        self._count(fan, MESSAGES, step.sent)
        fan.look()
        if step.found is None:
            return step.sent + 1
        index, message = step.found
        blocks = fan.lane.on_full == "block"
        fan.decision = Decision((), message, waits=(index,), ended=True, blocks=blocks)
        fan.sent, fan.lost = 0, ""
        return step.sent + int(self._send_held(fan.decision))

    def _send_held(self, decision: Decision) -> bool:
        fan, message = self._fan, list(decision.frames)
        taken = self._offer(decision.waits[0], message)
        if not taken and fan.lane.on_full == "block":
            fan.since = fan.since or time.monotonic_ns()
            return False
        fan.decision, fan.since = None, 0
        if not fan.sent:
            self.state.full[decision.waits[0]] += not taken
            self._count(fan, ROWS[fan.lost] if fan.lost else FULL, 1)
            return True
        self._count(fan, BYTES, decision.size)
        self._count(fan, MESSAGES, 1)
        self._copy_bytes(message)
        return True

    def _wait(self, flows: Sequence[Direction], nanoseconds: int) -> None:
        if self._fan in flows and not self._is_busy():
            nanoseconds = min(nanoseconds, max(0, self._due - time.monotonic_ns()))
        super()._wait(flows, nanoseconds)


def _veiled_message(message: list[bytes]) -> list[bytes]:
    return [veil(message[0]), *message[1:]]


_HELD: list[zmq.Frame] = []
"""Only whether a message is held counts: this is one that is not None."""
