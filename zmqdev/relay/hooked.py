"""A relay to several targets, by a Python function; see relay.hook.

A message counts as passed on for each backend that took one, and as `hook` where the function
failed. What it takes and does not yield is counted nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import zmq

from zmqdev.relay.counters import ROWS
from zmqdev.relay.hook import Hook
from zmqdev.relay.routed import RoutedRelay
from zmqdev.relay.twin import BATCH, BYTES, FULL, MESSAGES, Direction
from zmqdev.relay.veil import veil
from zmqdev.routing.decide import Decision

EVERY = 100_000_000
"""Nanoseconds after which the function is called with nothing."""
Socket = zmq.Socket[bytes]


class HookedRelay(RoutedRelay):
    """As RoutedRelay; the function decides, the table has no routes."""

    def __init__(self, *sockets: Any, hook: Hook, **options: Any) -> None:
        super().__init__(*sockets, **options)
        self.hook = hook
        self._due = 0

    def behind(self, source: Socket) -> HookedRelay:
        return HookedRelay(
            *(source, self.targets, self.wake, self.counters, self.state.table),
            **self.behind_options(),
            hook=self.hook,
        )

    def flush(self) -> None:
        """Call the function once more with nothing, in the next run."""
        self.hook.begin(())
        self._fan.held = _HELD

    def _turn(self, flow: Direction) -> int:
        if flow is not self._fan:
            return super()._turn(flow)
        self._count_blocked(flow)
        flow.noting = self.counters.origins.wanted
        fed = 0 if self._is_busy() else self._feed()
        steps = 0
        while steps < BATCH and self._is_busy() and self._step():
            steps += 1
        flow.held = _HELD if self._is_busy() else None
        if self._fan.decision is None:
            flow.since = 0
        return fed + steps

    def _is_busy(self) -> bool:
        return self._fan.decision is not None or self.hook.busy

    def _feed(self) -> int:
        """Begin a call with what is there, or with nothing when it is time; how many messages."""
        seen: set[int] | None = set() if self._fan.noting else None
        burst = self._receive(self._fan.source, BATCH, *(() if seen is None else (seen,)))
        now = time.monotonic_ns()
        if seen:
            self.counters.origins.note(0, seen)
        given = [message for message in burst if self._is_within(self._fan, message)]
        if given or now >= self._due:
            self._due = now + EVERY
            self.hook.begin(map(self._readdressed, given))
        return len(burst)

    def _readdressed(self, message: list[bytes]) -> list[bytes]:
        return [veil(message[0]), *message[1:]] if self._fan.from_router else message

    def _step(self) -> bool:
        """Send what is held, or have the function yield one more; False when it has to wait."""
        fan = self._fan
        if fan.decision is None:
            failed = self.hook.failed
            found = self.hook.step()
            self._count(fan, ROWS["hook"], self.hook.failed - failed)
            if found is None:
                return True
            index, message = found
            fan.decision = Decision((), message, waits=(index,), ended=True)
            fan.sent, fan.lost = 0, ""
        return self._send_held(fan.decision)

    def _send_held(self, decision: Decision) -> bool:
        fan, message = self._fan, list(decision.frames)
        taken = self._offer(decision.waits[0], message)
        if not taken and fan.lane.on_full == "block":
            fan.since = fan.since or time.monotonic_ns()
            return False
        fan.decision, fan.since = None, 0
        if not fan.sent:
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


_HELD: list[zmq.Frame] = []
"""Only whether a message is held counts: this is one that is not None."""
