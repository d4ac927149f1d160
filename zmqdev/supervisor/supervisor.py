"""A running file: its parts, their order, and one end for all.

Each part fails alone: one that crashes restarts by its own policy while the others go
on. One signal stops all in the direction of the messages, within the longest drain
time; a second one ends them at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from zmqdev.errors import RunError, UsageError
from zmqdev.options.places import AGAIN, ANEW
from zmqdev.supervisor import watch
from zmqdev.supervisor.member import LEAVE, Member, MemberState
from zmqdev.supervisor.restart import worst
from zmqdev.supervisor.runner import Surroundings
from zmqdev.supervisor.setting import change
from zmqdev.supervisor.stages import Stages
from zmqdev.system import orphans
from zmqdev.system.loop import Loop
from zmqdev.topology.changes import Changes, changes
from zmqdev.topology.links import Plan
from zmqdev.topology.placement import in_threads, joined
from zmqdev.topology.selection import starting, stopping

log = logging.getLogger("zmqdev")
# Seconds that parts wait for one they connect to. They may start without it, because
# ZeroMQ connects before the other side binds.
START = 5.0
# Seconds between two looks at members: while one starts, and otherwise. SIGCHLD is
# faster.
SOON, SELDOM = 0.02, 0.25


class Beside(Protocol):
    """A service beside the parts: display, control socket, file watch."""

    def started(self, fleet: Fleet) -> None:
        """Begin, before any part is started."""
        ...

    def ended(self, fleet: Fleet) -> None:
        """End, after all parts have ended."""
        ...


class Fleet:
    """The members of a file. `run` returns when all have ended; `reread` returns the
    files' plan."""

    def __init__(
        self,
        plan: Plan,
        around: Surroundings,
        *,
        beside: Sequence[Beside] = (),
        reread: Callable[[], Plan] | None = None,
        until: str | None = None,
    ) -> None:
        self.plan, self.around = plan, around
        self.loop: Loop = around.loop
        self.stopping = False
        self.until = until
        self.members: dict[str, Member] = {}
        self.on_started: list[Callable[[], None]] = []
        self.on_stop: list[Callable[[], None]] = []  # called at the first request to stop
        self._beside, self._reread = list(beside), reread or (lambda: plan)
        self._stages: Stages | None = None
        self._told_at_once = False
        self._files = watch.beside(plan)  # as the parts have read them
        for member in self._made(plan):
            self.members[member.name] = member

    def run(self, duration: float | None = None) -> int:
        """Start everything, wait for the end, and return the exit status of the whole."""
        begun: list[Beside] = []
        self._looking = self.loop.every(SOON, self.look)
        orphans.watch(self.loop)
        try:
            for one in self._beside:
                begun.append(one)
                one.started(self)
            if duration is not None:
                # Counted from when all parts run, because starting many takes a while.
                self.on_started.append(lambda: self._end_after(duration))
            self._start_all()
            self.loop.run()
        finally:
            self._leave()
            for one in reversed(begun):
                one.ended(self)
        return self.status()

    def _end_after(self, seconds: float) -> None:
        self.loop.at(time.monotonic() + seconds, self._stop_once)

    def status(self) -> int:
        """Return the exit status of the part `until`; without one, the worst of all."""
        found = [m for m in self.members.values() if self.until in (None, m.name, m.part.base)]
        return worst([member.status for member in found])

    def shown(self) -> list[MemberState]:
        """Return the state of every member."""
        return [member.shown() for member in self.members.values()]

    def late(self, allowed: float) -> list[str]:
        """Return the names of parts in this process that have not responded for
        `allowed` seconds."""
        return [name for member in self.all() for name in member.late(allowed)]

    def look(self) -> None:
        """Check whether members have become ready or ended. Called often, and at every SIGCHLD."""
        for member in list(self.members.values()):
            member.look()
        starts = any(member.state == "starting" for member in self.members.values())
        if self._looking.seconds != (pace := SOON if starts or self.stopping else SELDOM):
            self._looking.pace(pace)
        if self._stages is not None:
            self._stages.look()
        self._end_if_over()

    def stop(self) -> None:
        """Stop all in order; a second call ends them at once."""
        at_once, self.stopping = self.stopping, True
        if at_once:
            self._leave_all()
            return
        for hook in self.on_stop:
            hook()
        now = time.monotonic()
        longest = max((m.part.spec.drain for m in self.members.values()), default=0.0)
        # Half of the time is for stopping in order; what is left then has the other
        # half.
        half = now + longest / 2
        self._cancel()
        self._stages = Stages(
            self.loop,
            self._groups(stopping(self.plan)),
            act=lambda member: member.stop(),
            done=lambda member: member.running is None,
            patience=lambda: max(0.0, half - time.monotonic()),
            finished=lambda: None,
        )
        self.loop.at(now + longest + LEAVE / 2, self._leave_all)
        self._look_soon()

    def reload(self) -> Changes | None:
        """Read the files again; return None, and change nothing, when they are wrong."""
        try:
            return self.read_again()
        except UsageError as error:
            log.error("%s; nothing changes", error)
            return None

    def read_again(self) -> Changes | None:
        """Read the files again; return None while stopping.

        Raises UsageError when they are wrong.
        """
        if self.stopping:
            return None
        after = self._reread()
        before, now = self._files, watch.beside(after)
        anew, again = (watch.touched(after, before, now, how) for how in (ANEW, AGAIN))
        found = changes(self.plan, after, anew=anew, again=again)
        self.plan, self._files = after, now
        self._apply(found, after)
        what = "; ".join(f"{word} {' '.join(names)}" for word, names in found.words())
        log.warning("read again: %s", "nothing has changed" if found.none else what)
        return found

    def named(self, word: str) -> list[Member]:
        """Return the member of that name, or all its replicas."""
        return [m for m in self.members.values() if word in (m.name, m.part.base)]

    def restart(self, member: Member) -> None:
        """Restart a member, and those that inproc joins it with."""
        for name in joined(self.plan).get(member.name, {member.name}):
            self.members[name].restart()
        self._look_soon()

    def _made(self, plan: Plan) -> Iterator[Member]:
        threads = in_threads(plan)
        for part in plan.topology.parts:
            thread = part.name in threads
            yield Member(part, self.around, thread=thread, changed=self._changed)

    def _start_all(self) -> None:
        groups = self._groups(starting(self.plan))
        self._stages = Stages(
            self.loop,
            groups,
            # A member that a new reading has replaced or removed is not started.
            act=lambda member: member.start() if self._has(member) else None,
            done=lambda member: member.settled or not self._has(member),
            patience=lambda: START,
            finished=self._started,
        )
        self.look()

    def _has(self, member: Member) -> bool:
        return self.members.get(member.name) is member

    def _started(self) -> None:
        for hook in self.on_started:
            hook()

    def _groups(self, names: Iterable[Iterable[str]]) -> list[list[Member]]:
        return [[self.members[name] for name in group if name in self.members] for group in names]

    def _changed(self, member: Member) -> None:
        # If it was never ready, no part was connected to it.
        if member.state == "resting" and member.thread and member.was_ready:
            self._rejoin(member)
        if member.over and self.until in (member.name, member.part.base) and not self.stopping:
            self.loop.at(time.monotonic(), self._stop_once)
        self._look_soon()

    def _rejoin(self, member: Member) -> None:
        """Restart the other ends of its inproc connections, which libzmq does not restore."""
        for name in joined(self.plan).get(member.name, frozenset()) - {member.name}:
            other = self.members[name]
            if other.running is not None and other.state in ("starting", "running"):
                other.restart()

    def _stop_once(self) -> None:
        if not self.stopping:
            self.stop()

    def _look_soon(self) -> None:
        self.loop.at(time.monotonic(), self.look)

    def _end_if_over(self) -> None:
        done = (member.over or (self.stopping and member.running is None) for member in self.all())
        if all(done):
            self.loop.stop()

    def all(self) -> list[Member]:
        """Return all members."""
        return list(self.members.values())

    def _leave_all(self) -> None:
        left = [member for member in self.all() if member.running is not None]
        if left and not self._told_at_once:
            self._told_at_once = True
            log.warning("stopped without draining: %s", ", ".join(member.name for member in left))
        self._cancel()
        for member in self.all():
            member.stop(at_once=True)

    def _cancel(self) -> None:
        if self._stages is not None:
            self._stages.cancel()

    def _leave(self) -> None:
        """Make sure that nothing is left running."""
        end = time.monotonic() + LEAVE
        for member in self.all():
            if member.running is not None:
                member.stop(at_once=True)
        while any(m.running is not None for m in self.all()):
            if time.monotonic() > end:
                for member in self.all():
                    member.kill()
                if time.monotonic() > end + LEAVE:
                    return
            self.loop.turn()

    def _apply(self, found: Changes, after: Plan) -> None:
        made = {member.name: member for member in self._made(after)}
        for name in found.kept:
            self.members[name].part = made[name].part
        for name in found.reloaded:
            self.members[name].reload()
        for name, values in found.set.items():
            self._set(self.members[name], values)
        for name in found.removed:
            gone = self.members[name]
            gone.stop(then=lambda name=name: self._forget(name))  # type: ignore[misc]
        for name in found.changed:
            self._exchange(self.members[name], made[name])
        for group in starting(after):
            for name in group:
                if name in found.added:
                    self.members[name] = made[name]
                    made[name].start()
        self.members = {p.name: self.members[p.name] for p in after.topology.parts} | self.members
        self._look_soon()

    def _set(self, member: Member, values: Mapping[str, str]) -> None:
        """Set values in a running device; restart it when it refuses them."""
        if member.state == "running" and member.running is not None:
            try:
                change(member.part, member.running.pid, values)
                return
            except RunError as error:
                log.warning("%s: not set: %s; it starts again", member.name, error)
        if member.running is not None:
            member.restart()

    def _exchange(self, old: Member, new: Member) -> None:
        old.stop(then=lambda: self._replace(new))

    def _forget(self, name: str) -> None:
        if name not in {part.name for part in self.plan.topology.parts}:
            self.members.pop(name, None)

    def _replace(self, member: Member) -> None:
        self.members[member.name] = member
        if not self.stopping:
            member.start()
