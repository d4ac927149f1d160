"""Running an endpoint from its spec to its end, in the main thread: signals, clock, display.

Input and output are opened before the socket binds or connects, so a wrong file never leaves a
half-started endpoint. After the first SIGINT or SIGTERM the endpoint takes in nothing more and
passes on what it has, within the drain time. A second signal ends it at once. An endpoint that ends
by itself has the drain time for its last messages to leave, and fails when they have not left.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import zmq

from zmqdev.device.announce import NOTE, announce, total
from zmqdev.device.close import duplicate
from zmqdev.device.intake import Intake, unread
from zmqdev.device.ready_file import ReadyFile
from zmqdev.device.socket import events
from zmqdev.endpoints.build import TaskSurroundings, task_for
from zmqdev.endpoints.connection import LONG, REMIND, Post
from zmqdev.endpoints.defaults import hint_of, late_hint_of
from zmqdev.endpoints.task import AT_ONCE, Task, Wait
from zmqdev.errors import RunError, Unmet
from zmqdev.options.endpoint import AnyEndpoint, EndpointKind
from zmqdev.options.endpoint_groups import Input
from zmqdev.options.quantity import format_duration
from zmqdev.stats.endpoint import endpoint_snapshot
from zmqdev.stats.snapshot import Snapshot
from zmqdev.stats.units import size
from zmqdev.system import crash, journal, orphans
from zmqdev.system.signals import Signals

log = logging.getLogger("zmqdev")
# Seconds; the EVENTS of the socket are read at least this often.
TICK = 0.1
# Seconds; while bursts follow each other, signals and the monitor are checked this often, not in
# each turn.
BUSY_LOOK = 0.005
# Seconds without any input after which a hint is logged.
LATE = 2.0
# Seconds without any connection after which there is no peer to wait for. A connection that is
# just being made anew appears sooner.
ALONE = 0.2
# The part of the drain time after which the endpoint stops reading from a peer that goes on
# sending.
INTAKE_SHARE = 0.5
# Milliseconds until a message that did not fit into the socket arrives there once there is room.
QUIET_MS = 5
VERBS = {"pub": "sent", "push": "sent", "worker": "answered"}


class EndpointView(Protocol):
    """A display of snapshots."""

    @property
    def interval(self) -> float:
        """Return the seconds between two snapshots."""

    def started(self, snapshot: Snapshot) -> None:
        """Show that the endpoint has started."""

    def tick(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""

    def ended(self, snapshot: Snapshot) -> None:
        """Show the last snapshot."""

    def aside(self) -> AbstractContextManager[None]:
        """Return a context for other output to the terminal."""


class Unseen:
    """The display of an endpoint that shows nothing."""

    interval = math.inf

    def started(self, snapshot: Snapshot) -> None: ...

    def tick(self, snapshot: Snapshot) -> None: ...

    def ended(self, snapshot: Snapshot) -> None: ...

    def aside(self) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        return nullcontext()


def run(
    kind: EndpointKind, spec: AnyEndpoint, signals: Signals, display: EndpointView | None = None
) -> None:
    """Run until the endpoint ends by itself or is stopped; raise its error, if any."""
    display = display or Unseen()
    post = Post(kind, spec)
    linger, task, turns = 0.0, None, None
    try:
        task = task_for(
            kind,
            spec,
            TaskSurroundings(
                post.socket, post.connected, display.aside, post.met, hang_up=post.hang_up
            ),
        )
        post.join()
        turns = Turns(kind, spec, post, task, signals, display)
        turns.serve()
        linger = turns.linger()
    finally:
        if task is not None:
            task.close()
        post.close(linger)
        left = post.leave(linger, signals, turns.way_out if turns is not None else "")
        if turns is not None:
            turns.ready_file.remove()
    _report(task, turns, left)


def _report(task: Task, turns: Turns, left: bool) -> None:
    """Log what the task reports, then raise its error, if any."""
    for line in task.reports():
        log.warning("%s", line)
    summary = task.summary()
    if summary:
        log.log(NOTE, "%s", summary)
    unsent = None if left else _unsent(turns)
    if unsent and turns.interrupted:
        log.warning("%s", unsent)
    verdict = turns.verdict() or (RunError(unsent) if unsent else None)
    if verdict is not None and not turns.interrupted:
        raise verdict


def _unsent(turns: Turns) -> str:
    if turns.abandoned:
        return "not all messages had left; no peer is connected"
    return f"not all messages had left within {turns.spec.drain:g}s"


class Turns:
    """The loop: step the task, wait, check signals, monitor, clock and display."""

    def __init__(
        self,
        kind: EndpointKind,
        spec: AnyEndpoint,
        post: Post,
        task: Task,
        signals: Signals,
        display: EndpointView,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kind, self.spec, self.post, self.task = kind, spec, post, task
        self.interrupted = False
        self.abandoned = False  # stopped, and there is no peer to wait for
        self.ready_file = ReadyFile(spec.ready_file or "")
        self._signals, self._display, self._clock = signals, display, clock
        self._state = "starting"
        self._began = self._shown = self._looked = clock()
        self._ends_at = self._began + (spec.duration or math.inf)
        self._stop_at = math.inf  # the end of the drain
        self._abort = False
        self._remind_at = self._alone_since = math.inf
        self._unmet: str | None = None
        self._late_hint: str | None = None

    def serve(self) -> None:
        """Run until the task has ended, is stopped and drained, or has waited too long."""
        self._begin()
        try:
            while not self.task.ended and not self._over():
                self._wait(self.task.step(self._clock()))
            if self._stop_at == math.inf:
                self._count_surplus()
            elif self.task.lingers:
                self._count_late()
            self._state = "stopped"
        except BaseException:
            self._state = "failed"
            raise
        finally:
            self._display.ended(self.snapshot())
            if journal.reads(sys.stderr):
                self._total()

    def _total(self) -> None:
        """Log the totals for the journal."""
        found = self.snapshot()
        for flow in found.flows:
            total(found.name, flow)

    def linger(self) -> float:
        """Return how many seconds sent messages may still take to leave."""
        if self._abort or self.abandoned or not self.task.lingers:
            return 0.0
        drain: float = self.spec.drain
        if self.interrupted and self.post.alone:
            self.abandoned, drain = True, ALONE
        return max(0.0, min(self._stop_at - self._clock(), drain))

    def verdict(self) -> Exception | None:
        """Return the error with which the program ends, or None."""
        return Unmet(self._unmet) if self._unmet else self.task.verdict()

    def snapshot(self) -> Snapshot:
        """Return the present state and counters."""
        now, task, guard = self._clock(), self.task, self.post.opened.guard
        return endpoint_snapshot(
            name=self.spec.name,
            kind=self.kind.name,
            state=task.state if self._state == "running" else self._state,
            at=now,
            uptime=now - self._began,
            type=self.post.opened.type,
            verb=VERBS.get(self.kind.name, "received"),
            messages=task.flow.messages,
            bytes=task.flow.bytes,
            addresses=self.post.opened.addresses,
            peers=self.post.watch.counts,
            refused=guard.refusals() if guard is not None else {},
            expected=task.expected,
            details=task.extra(),
        )

    def _begin(self) -> None:
        """Announce chosen ports and write the ready file, now that all addresses are bound."""
        kept = journal.reads(sys.stderr)
        for state in self.post.opened.addresses:
            announce("", state, level=NOTE if kept else None)
        if isinstance(self.spec, Input):
            self._say(hint_of(self.kind.name, self.spec))
            self._late_hint = late_hint_of(self.kind.name, self.spec)
        if self.spec.ready_file:
            self.ready_file.write(self.post.ready_lines())
        crash.arm_again()
        self._state = "running"
        self._display.started(self.snapshot())

    def _say(self, hint: str | None) -> None:
        if hint:
            log.log(NOTE, "%s", hint)

    def _over(self) -> bool:
        """Do what is due by the clock; return whether the loop ends before the task does."""
        now = self._clock()
        if now - self._shown >= self._display.interval:
            self._shown = now
            self._display.tick(self.snapshot())
        if self._late_hint and now - self._began >= LATE:
            self._say(self._late_hint if not self.task.flow.messages else None)
            self._late_hint = None
        if self._stop_at < math.inf:
            return self._abort or now >= self._stop_at or self._in_vain(now)
        if now >= self._ends_at:
            self._stop(now)
            self._unmet = self.task.unmet() if self.spec.count else None
        elif now >= self._patience():
            self._unmet = self.task.unmet()
            return True
        return False

    @property
    def way_out(self) -> str:
        """Return what ends a wait, in words."""
        return "a second signal" if self.interrupted else "a signal"

    def _in_vain(self, now: float) -> bool:
        """Return whether a drain waits for peers while there are none; explain a long wait."""
        rest = self.task.rest()
        alone = rest is not None and rest.of_peers and self.post.alone
        self._alone_since = min(self._alone_since, now) if alone else math.inf
        self.abandoned = now >= self._alone_since + ALONE
        if rest is not None and not alone and now >= self._remind_at:
            self._remind_at = math.inf
            limit = format_duration(self.spec.drain)
            log.log(NOTE, "waiting for %s, at most %s; %s leaves", rest.what, limit, self.way_out)
        return self.abandoned

    def _patience(self) -> float:
        """Return when waiting for other programs has taken too long."""
        since, limit = self.task.stalled_since, self.spec.timeout
        return math.inf if since is None or limit is None else float(since + limit)

    def _wait(self, wait: Wait) -> None:
        """Wait for what the task waits for, for signals and for monitor events."""
        now = self._clock()
        if wait is AT_ONCE and now - self._looked < BUSY_LOOK:
            return
        self._looked = now
        shown_next = self._shown + self._display.interval
        until = min(
            wait.until, self._stop_at, self._remind_at, self._ends_at, self._patience(), shown_next
        )
        seconds = min(TICK, max(0.0, until - now))
        asked: list[tuple[Any, int]] = [(self._signals.fileno(), zmq.POLLIN)]
        asked.append((self.post.watch.pair, zmq.POLLIN))
        asked += [(descriptor, zmq.POLLIN) for descriptor in wait.readers]
        asked += [(descriptor, zmq.POLLOUT) for descriptor in wait.writers]
        asked += [(descriptor, zmq.POLLERR) for descriptor in wait.outlets]
        if wait.socket:
            asked.append((self.post.socket, wait.socket))
        else:
            events(self.post.socket)
        ready = [item for item, _ in zmq.zmq_poll(asked, math.ceil(seconds * 1000))]
        if self.post.watch.pair in ready:
            self.post.drain_monitor()
        self.post.come_back(now)
        orphans.reap()
        if self._signals.fileno() in ready:
            self._signalled()

    def _end_intake(self, seconds: float) -> None:
        """Take in what peers have already sent, before the connections end; a signal stops it."""
        take = self.task.intake
        if take is None:
            return

        def take_and_hear(wait_ms: int) -> int:
            self.post.drain_monitor()
            return take(wait_ms)

        def asked_to_leave() -> bool:
            self._abort = self._abort or bool(self._signals.take())
            return self._abort

        until = time.monotonic() + seconds
        Intake(self.post.opened, self.post.watch, take_and_hear).end(until, asked_to_leave)

    def _count_late(self) -> None:
        """Count what came since the stop. Peers go on sending, so look only once."""
        take = self.task.intake
        if take is not None:
            take(0)

    def _count_surplus(self) -> None:
        """Count messages beyond the count.

        Unless replies are on their way, the connections are ended first, so that unsent messages
        stay with their peers.
        """
        take = self.task.intake
        if take is None:
            return
        take(QUIET_MS)  # before a disconnect, which drops them
        if not self.task.lingers:
            self._tell_unread()
            for state in self.post.opened.addresses:
                self.post.opened.release(state)
        while take(0):
            pass

    def _tell_unread(self) -> None:
        """Log how many bytes the peers have sent that were not read."""
        self.post.drain_monitor()
        made = [duplicate(*pair) for pair in self.post.watch.connections().items()]
        connections = [connection for connection in made if connection is not None]
        found = sum(map(unread, connections))
        for connection in connections:
            connection.close()
        if found:
            log.warning("came beyond --count and lost, not read yet: %s", size(found))

    def _signalled(self) -> None:
        for _ in self._signals.take():
            if self.interrupted:
                self._abort = True
            self.interrupted = True
            self._stop(self._clock())

    def _stop(self, now: float) -> None:
        if self._stop_at == math.inf:
            crash.disarm()
            self._state = "draining"
            self._stop_at = now + self.spec.drain
            self._remind_at = now + REMIND if self.spec.drain >= LONG else math.inf
            self._end_intake(self.spec.drain * INTAKE_SHARE)
            self.task.stop(now)
