"""One part of a running file: started, watched, restarted, stopped.

Its states are waiting (for its turn), starting, running, resting (until its next
start), stopping, ended (well, or on purpose) and failed (given up).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zmqdev.errors import EXIT_OK
from zmqdev.options.part import Part
from zmqdev.options.quantity import format_duration
from zmqdev.supervisor.process import Process
from zmqdev.supervisor.restart import ended_with, verdict
from zmqdev.supervisor.runner import Running, Surroundings
from zmqdev.supervisor.thread import Lodger

log = logging.getLogger("zmqdev")
OVER = ("ended", "failed")
# Seconds that leaving at once may take: `service.LEAVE`, and a little for the program's
# end.
LEAVE = 2.0


@dataclass(frozen=True)
class MemberState:
    """The state of a member as it is shown. `why` says how its last run ended."""

    name: str
    category: str
    kind: str
    state: str
    pid: int | None
    restarts: int
    uptime: float
    why: str

    def plain(self) -> dict[str, Any]:
        """Return the state as plain values for JSON."""
        return dict(vars(self))


class Member:
    """A part and its runs. `changed` is called at every change of state."""

    def __init__(
        self,
        part: Part,
        around: Surroundings,
        *,
        thread: bool,
        changed: Callable[[Member], None],
    ) -> None:
        self.part = part
        self.thread = thread
        self.state = "waiting"
        self.restarts = 0
        self.status = EXIT_OK
        self.why = ""
        self.running: Running | None = None
        self._around, self._changed = around, changed
        self._tries = 0
        self._since = time.monotonic()
        self._round = 0  # number of the run, so that timers of earlier runs do nothing
        self._then: Callable[[], None] | None = None
        self.was_ready = False  # in its present or last run
        self._stopping_at: float | None = None

    @property
    def name(self) -> str:
        """Return the name of the part."""
        return self.part.name

    @property
    def over(self) -> bool:
        """Whether nothing runs, and nothing will without a command."""
        return self.state in OVER

    @property
    def settled(self) -> bool:
        """Whether parts that connect to it need not wait any longer."""
        return self.state not in ("waiting", "starting")

    def late(self, allowed: float) -> list[str]:
        """Return its name if it lives in this process and has not responded for
        `allowed` seconds."""
        return self.running.late(allowed) if self.running is not None else []

    def shown(self) -> MemberState:
        """Return its present state."""
        alive = self.running is not None
        return MemberState(
            self.name,
            self.part.category,
            self.part.kind,
            self.state,
            self.running.pid if self.running is not None else None,
            self.restarts,
            time.monotonic() - self._since if alive else 0.0,
            self.why,
        )

    def start(self) -> None:
        """Begin a run, unless one is under way."""
        if self.running is not None:
            return
        self._round += 1
        self._since = time.monotonic()
        self._stopping_at = None
        self.was_ready = False
        self.running = self._made()
        self._to("starting")
        self.running.start(self._ended)

    def stop(self, *, at_once: bool = False, then: Callable[[], None] | None = None) -> None:
        """End the run on purpose; `then` is called when it has ended, or at once if
        there is none."""
        self._then = then or self._then
        self._round += 1
        if self.running is None:
            if not self.over:
                self._to("ended")
            self._call_then()
            return
        first = self._stopping_at is None
        if first:
            self._stopping_at = time.monotonic()
            self._to("stopping")
        if first or at_once:
            self.running.stop(at_once=at_once)
        patience = LEAVE if at_once else self.part.spec.drain + LEAVE
        round_ = self._round
        self._around.loop.at(time.monotonic() + patience, lambda: self._too_long(round_))

    def restart(self) -> None:
        """End the run and begin another."""
        self.stop(then=self.start)

    def reload(self) -> None:
        """Read keys, users and rights again; a part that is starting restarts, as it
        may have old ones."""
        if self.state == "starting":
            self.restart()
        elif self.state == "running" and self.running is not None:
            self.running.reload()

    def look(self) -> None:
        """Check whether it has become ready or has ended; called in every turn."""
        if self.running is not None:
            self.running.look()
        if self.state == "starting" and self.running is not None and self.running.ready:
            self.was_ready = True
            self.status = EXIT_OK  # a crash before a good restart does not count for the whole
            self._to("running")

    def kill(self) -> None:
        """Kill the run."""
        if self.running is not None:
            self.running.kill()

    def _made(self) -> Running:
        return (Lodger if self.thread else Process)(self.part, self._around)

    def _too_long(self, round_: int) -> None:
        if round_ == self._round and self.running is not None:
            log.warning("%s: did not end in time; killed", self.name)
            self.running.kill()

    def _ended(self, status: int) -> None:
        ran = time.monotonic() - self._since
        self.running = None
        on_purpose = self._stopping_at is not None
        self._stopping_at = None
        if on_purpose:
            self.why = "stopped"
            self._to("ended")
            self._call_then()
            return
        self._judge(status, ran)

    def _judge(self, status: int, ran: float) -> None:
        found = verdict(self.part.life.restart, status, ran, self._tries)
        self.status, self._tries, self.why = status, found.tries, found.why
        if found.again is None:
            level = logging.ERROR if found.failed else logging.INFO
            log.log(level, "%s: %s", self.name, found.why)
            self._to("failed" if found.failed else "ended")
            return
        level = logging.WARNING if found.failed else logging.INFO
        pause = format_duration(round(found.again, 3))
        log.log(level, "%s: %s; starts again in %s", self.name, ended_with(status), pause)
        self._to("resting")
        round_ = self._round
        self._around.loop.at(time.monotonic() + found.again, lambda: self._again(round_))

    def _again(self, round_: int) -> None:
        if round_ == self._round and self.state == "resting":
            self.restarts += 1
            self.start()

    def _call_then(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            then()

    def _to(self, state: str) -> None:
        self.state = state
        self._changed(self)
