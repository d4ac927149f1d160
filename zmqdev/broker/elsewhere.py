"""Calls that only the store knows, and calls that another queue has. Pure; time is an argument.

A call that says AGAIN, and is not in the ledger, waits until the store has answered whether it has
ended. While another queue has it, the store is asked repeatedly: either it ends there, or it is
taken over when that queue has ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from zmqdev.broker.record import AWAY, Answer, Group, Settled
from zmqdev.broker.repeat import AskedBefore, repeat
from zmqdev.broker.request import Request
from zmqdev.wire import call

if TYPE_CHECKING:
    from zmqdev.broker.ledger import Ledger

# Seconds until the store is asked again about a call that another queue has, doubling up to the
# last.
FIRST_PAUSE, LAST_PAUSE = 0.1, 2.0


@dataclass
class HeldElsewhere:
    """A call that another queue has: the clients that wait for it, and when to ask again."""

    asked: list[AskedBefore] = field(default_factory=list)
    kept: bool = False
    due: float = 0.0
    pause: float = FIRST_PAUSE


class Inquiries:
    """Questions to the store about calls, by their ids."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._asked: dict[bytes, list[AskedBefore]] = {}
        self._elsewhere: dict[bytes, HeldElsewhere] = {}
        self.due = float("inf")
        """When a call that another queue has is asked for again."""

    def __len__(self) -> int:
        """Return how many calls to ask about with the next group."""
        return len(self._asked)

    def ask(self, asked: AskedBefore) -> bool:
        """Ask about a call; return False when another queue is known to have it."""
        waiting = self._elsewhere.get(asked.head[2])
        if waiting is not None:
            self._join(waiting, asked)
            return False
        self._asked.setdefault(asked.head[2], []).append(asked)
        return True

    def holds(self, identity: bytes) -> bool:
        """Return whether an answer may be sent to that routing id."""
        waiting = chain(self._asked.values(), (one.asked for one in self._elsewhere.values()))
        return any(one.head[0] == identity for asked in waiting for one in asked)

    def void(self, identity: bytes) -> None:
        """Send no answer to a routing id, which belongs to another peer now."""
        for id, asked in list(self._asked.items()):
            self._asked[id] = [one for one in asked if one.head[0] != identity]
        for waiting in self._elsewhere.values():
            waiting.asked = [one for one in waiting.asked if one.head[0] != identity]

    def take(self, now: float) -> tuple[bytes, ...]:
        """Return the ids to ask about with the group that is taken now."""
        if now >= self.due:
            self.due = float("inf")
            for id, waiting in self._elsewhere.items():
                if waiting.due <= now:
                    self._asked.setdefault(id, [])
                else:
                    self.due = min(self.due, waiting.due)
        return tuple(self._asked)

    def wait(
        self, id: bytes, asked: Iterable[AskedBefore], now: float, *, kept: bool = True
    ) -> None:
        """Ask about the call again after a pause. `kept`: it is known to be on disk."""
        waiting = self._elsewhere.setdefault(id, HeldElsewhere())
        waiting.kept = kept
        for one in asked:
            self._join(waiting, one)
        waiting.due = now + waiting.pause
        waiting.pause = min(2 * waiting.pause, LAST_PAUSE)
        self.due = min(self.due, waiting.due)

    def came(self, id: bytes, now: float) -> None:
        """Let its clients wait here for a call that was taken over from the other queue."""
        waiting = self._elsewhere.pop(id, None)
        for one in waiting.asked if waiting is not None else ():
            repeat(self._ledger, self._ledger.calls[id], one.form, one.head, now)

    def settled(
        self, group: Group, settled: Settled, unwritten: Collection[bytes], now: float
    ) -> list[Request]:
        """Handle the answers of the store; return requests to give to workers.

        `unwritten` are ids of calls that have ended here since, with answers that are not on disk.
        """
        offered = []
        for id in group.asked:
            asked = self._asked.pop(id, [])
            waiting = self._elsewhere.get(id)
            if settled.refused == AWAY or id in settled.elsewhere:
                self.wait(id, asked, now, kept=settled.refused != AWAY)
                continue
            found = settled.answers.get(id)
            if found is None and id in unwritten:
                # The next group contains its answer.
                self._asked.setdefault(id, []).extend(asked)
                continue
            for one in waiting.asked if waiting is not None else ():
                self._answer_late(one, found, now)
            self._elsewhere.pop(id, None)
            for one in asked:
                request = self._answer(one, found, now)
                if request is not None:
                    offered.append(request)
        return offered

    def _join(self, waiting: HeldElsewhere, asked: AskedBefore) -> None:
        """Add a client, or replace its earlier question on the same connection."""
        others = [one for one in waiting.asked if one.head[0] != asked.head[0]]
        waiting.asked = [*others, asked]
        if waiting.kept:
            self._ledger.tally.kept += 1
            self._ledger.to_clients.append(call.kept(asked.head[0], asked.head[2]))

    def _answer(self, asked: AskedBefore, found: Answer | None, now: float) -> Request | None:
        ledger = self._ledger
        if found is not None:
            self._pass_on(asked, found)
            return None
        known = ledger.calls.get(call.key_of(asked.head[0], asked.head[2]))
        if known is not None:
            repeat(ledger, known, asked.form, asked.head, now)
        elif not asked.body:
            ledger.fail(asked.head, "unknown")
        else:
            return ledger.admit(asked.form, asked.service, asked.head, asked.body, now, asked=True)
        return None

    def _answer_late(self, asked: AskedBefore, found: Answer | None, now: float) -> None:
        """Answer a client of a call that another queue had.

        Without an answer on disk it was answered there, to a client that did not post. A client
        that still waits asks again, which does not execute the call a second time.
        """
        known = self._ledger.calls.get(call.key_of(asked.head[0], asked.head[2]))
        if found is not None:
            self._pass_on(asked, found)
        elif known is not None:
            repeat(self._ledger, known, asked.form, asked.head, now)
        else:
            self._ledger.fail(asked.head, "other-queue" if asked.body else "unknown")

    def _pass_on(self, asked: AskedBefore, found: Answer) -> None:
        ledger = self._ledger
        if found.code:
            ledger.fail(asked.head, found.code)
        else:
            ledger.to_clients.append(call.kept(asked.head[0], asked.head[2]))
            ledger.to_clients.append([*asked.head, *found.body])
