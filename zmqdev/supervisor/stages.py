"""Start or stop many members in order, one group after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from zmqdev.supervisor.member import Member
from zmqdev.system.loop import Loop

Group = Sequence[Member]


class Stages:
    """Calls `act` on each group when the one before is `done`, or after `patience` seconds.

    Call `look` whenever a member has changed; `finished` is called once, after the last
    group.
    """

    def __init__(
        self,
        loop: Loop,
        groups: Sequence[Group],
        act: Callable[[Member], None],
        done: Callable[[Member], bool],
        patience: Callable[[], float],
        finished: Callable[[], None],
    ) -> None:
        self._loop, self._groups = loop, list(groups)
        self._act, self._done, self._patience = act, done, patience
        self._finished = finished
        self._now: Group = ()
        self._until = 0.0
        self._active = True

    def look(self) -> None:
        """Begin the next group if the present one is done."""
        while self._active and (
            all(self._done(member) for member in self._now) or time.monotonic() >= self._until
        ):
            if not self._groups:
                self._active = False
                self._finished()
                return
            self._next()

    def cancel(self) -> None:
        """Do nothing from now on."""
        self._active = False

    def _next(self) -> None:
        self._now = self._groups.pop(0)
        self._until = time.monotonic() + self._patience()
        self._loop.at(self._until, self.look)
        for member in self._now:
            self._act(member)
