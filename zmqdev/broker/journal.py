"""The ledger's changes that go to disk, and their confirmations. Pure; time is an argument.

Rules.
- Requests go to workers at once; only the word KEPT waits for the disk.
- What ends before its group is written is never written.
- One group is written while the next one gathers. A group is taken at most each `commit-within`;
  sooner when as many wait for it as for the last one, who are likely all that there are, and when
  the store has rested as long as that one took.
- A request that is kept belongs to no connection: it counts for the account of the store, so no
  limit of a client, no connection that ends and no other client's flood takes it away.
- The answer to a posted request is kept when it is there, and given to those who ask with its id.
- A call that says AGAIN, and is not here, waits until the store has said whether it has ended.
  While another queue has it, the store is asked again now and then: it ends there, or comes here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from zmqdev.broker.cost import cost
from zmqdev.broker.record import AWAY, Answer, Dead, Group, Kept, Settled
from zmqdev.broker.repeat import AskedBefore, hand_over, repeat
from zmqdev.broker.request import Client, Request
from zmqdev.stats.units import counted
from zmqdev.wire import call
from zmqdev.wire.majordomo import PLAIN

if TYPE_CHECKING:
    from zmqdev.broker.ledger import Ledger

# Seconds until a store that took nothing is tried again.
RETRY = 0.5
# Seconds until a call that another queue has is asked for again, doubling up to the last.
FIRST_PAUSE, LAST_PAUSE = 0.1, 2.0


@dataclass
class Elsewhere:
    """Who waits for a call that another queue has, and when the store is asked again."""

    asked: list[AskedBefore] = field(default_factory=list)
    kept: bool = False
    due: float = 0.0
    pause: float = FIRST_PAUSE


@dataclass(frozen=True)
class Unwritten:
    """At the end: posts that are not kept, and requests that ended and may be done again."""

    posts: int
    ended: int

    def __str__(self) -> str:
        parts = [f"not kept: {counted(self.posts, 'post')}"] if self.posts else []
        if self.ended:
            parts.append(f"done, and may be done again: {counted(self.ended, 'request')}")
        return "; ".join(parts) or "what was kept stays so"


class Journal:
    """Requests are known here by their numbers. `stored`: those written or being written."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._within = ledger.settings.commit_within
        self._keep = ledger.settings.keep_replies
        self.account = Client(b"")
        self.stored: set[int] = set()
        self._kept: set[int] = set()  # of these it is known that they are on disk
        self._posted: set[int] = set()  # whose answers are kept
        self._unsaid: dict[int, Request] = {}  # whose clients wait for KEPT
        self._fresh: dict[int, Request] = {}
        self._named: dict[bytes, dict[int, Request]] = {}  # kept ones, by chosen routing ids
        self._attempts: dict[int, Request] = {}
        self._answers: list[tuple[Request, str, list[bytes]]] = []
        self._due_answers: list[tuple[int, Answer]] = []  # to be written (again)
        self._dead: list[Dead] = []
        self._buried: list[tuple[Request, str]] = []
        self._ended: list[int] = []
        self._forgotten: list[bytes] = []
        self._asked: dict[bytes, list[AskedBefore]] = {}
        self._elsewhere: dict[bytes, Elsewhere] = {}
        self._ask_at = float("inf")
        self._twins: dict[int, int] = {}  # what is here and not stored -> its record, taken over
        self._since = float("inf")  # since when something waits to be taken
        self._taken = self._rested = float("-inf")
        self._waiting = self._expected = 0  # who wait for the next group, and waited for the last
        self._refusing = ""
        self._size = 0
        self._took: deque[float] = deque(maxlen=100)
        self._refuses_until = float("-inf")
        self._lease = float("inf")

    # What the ledger does

    def begin(self, request: Request, mark: bytes) -> None:
        """A request was accepted."""
        now = request.arrived
        if now < self._refuses_until:
            return
        self._fresh[request.number] = request
        if mark != call.CALL:
            self._post(request)
        self._note(now)

    def _post(self, request: Request) -> None:
        self._posted.add(request.number)
        self._unsaid[request.number] = request
        self._waiting += 1

    def refusal(self, now: float) -> str:
        """Why no post is taken now, "" when one is."""
        return self._refusing if now < self._refuses_until else ""

    def repeated(self, request: Request, now: float) -> None:
        """Its client asks once more, and wants to know whether it is kept."""
        number = request.number
        if number in self._kept:
            self._posted.add(number)
            self._say_kept(request)
        elif number in self.stored or number in self._fresh:
            self._post(request)
        elif refusal := self.refusal(now):
            self._ledger.fail(request.head, refusal)
        else:
            self._fresh[number] = request
            self._post(request)
            self._note(now)

    def answered(self, request: Request, body: list[bytes], code: str = "") -> None:
        """A request got its reply, or the code of a failure."""
        number = request.number
        if number in self._posted and request.call is not None and self._keep:
            if not code or number in self._kept:
                self._answers.append((request, code, body))
        elif code:
            self._unsaid.pop(number, None)

    def attempted(self, request: Request) -> None:
        """An attempt failed, and there will be another."""
        if request.number in self.stored:
            self._attempts[request.number] = request

    def buried(self, request: Request, reason: str) -> None:
        """A request became a dead letter."""
        self._buried.append((request, reason))

    def end(self, request: Request) -> None:
        """A request is over."""
        number = request.number
        self._posted.discard(number)
        if self._twins and number in self._twins:
            self._ended.append(self._twins.pop(number))
        if self._fresh.pop(number, None) is not None:
            self._ledger.tally.elided += 1
            return
        if number in self.stored:
            self.stored.discard(number)
            self._kept.discard(number)
            self._attempts.pop(number, None)
            if self._named:
                self._unname(request)
            self._ended.append(number)

    def ask(self, asked: AskedBefore, now: float) -> None:
        """Find out what the store knows of a call."""
        waiting = self._elsewhere.get(asked.head[2])
        if waiting is not None:
            self._join(waiting, asked)
            return
        self._asked.setdefault(asked.head[2], []).append(asked)
        self._waiting += 1
        self._note(now)

    def forget(self, id: bytes, now: float) -> None:
        """The reply to that call is no longer wanted; one that no worker has is taken back."""
        request = self._ledger.calls.get(id)
        if request is None:
            self._forgotten.append(id)
            self._note(now)
            return
        self._posted.discard(request.number)
        if request.number in request.service.queue:
            del request.service.queue[request.number]
            self._ledger.tally.abandoned += 1
            self._ledger.close(request)

    def keeps(self, request: Request) -> bool:
        """Whether it will be there when the queue starts again."""
        return request.client is self.account

    # Addresses: a routing id that a peer chose may be another's later

    def addressed(self, request: Request) -> None:
        """A request of the account has that address now."""
        if request.client is self.account and not request.head[0].startswith(b"\0"):
            self._named.setdefault(request.head[0], {})[request.number] = request

    def holds(self, identity: bytes) -> bool:
        """Whether a reply may go to that routing id."""
        waiting = chain(self._asked.values(), (one.asked for one in self._elsewhere.values()))
        return identity in self._named or any(
            one.head[0] == identity for asked in waiting for one in asked
        )

    def void(self, identity: bytes) -> None:
        """It is another's now: nothing that was meant for the first one goes there."""
        for request in (*self._named.pop(identity, {}).values(), *self._unsaid.values()):
            if request.head[:1] == [identity]:
                request.head[0] = self._ledger.nowhere
        for id, asked in list(self._asked.items()):
            self._asked[id] = [one for one in asked if one.head[0] != identity]
        for waiting in self._elsewhere.values():
            waiting.asked = [one for one in waiting.asked if one.head[0] != identity]

    def _unname(self, request: Request) -> None:
        named = self._named.get(request.head[0]) if request.head else None
        if named is not None:
            named.pop(request.number, None)
            if not named:
                del self._named[request.head[0]]

    def _note(self, now: float) -> None:
        if now < self._since:
            self._since = now

    # Groups

    def _work(self) -> bool:
        return bool(
            self._fresh
            or self._ended
            or self._asked
            or self._answers
            or self._due_answers
            or self._buried
            or self._dead
            or self._attempts
            or self._forgotten
        )

    def due(self) -> float:
        """When the next group is to be taken; infinite when there is nothing."""
        if not self._work():
            return self._ask_at
        if self._unsaid or self._asked:
            all_wait = 0 < self._waiting >= self._expected
            within = self._taken + self._within
            return min(within, self._rested) if all_wait else within
        return max(self._taken, self._since if self._since < float("inf") else 0) + self._within

    def take_records(self, now: float, wall: float) -> Group:
        """What is to be written next; `wall` is the time since 1970."""
        past = wall - now  # from the clock of requests to that of records
        self._taken, self._since = now, float("inf")
        self._expected, self._waiting = self._waiting, 0
        self._ask_again(now)
        fresh, self._fresh = self._fresh, {}
        self.stored.update(fresh)
        attempts, self._attempts = self._attempts, {}
        answers, self._answers = self._answers, []
        self._due_answers += [(one[0].number, self._answer(*one, wall)) for one in answers]
        buried, self._buried = self._buried, []
        dead, self._dead = self._dead, []
        ended, self._ended = self._ended, []
        forgotten, self._forgotten = self._forgotten, []
        self._ledger.tally.commits += 1
        return Group(
            tuple(_record(request, past) for request in fresh.values()),
            tuple(_record(request, past) for request in attempts.values()),
            tuple(answer for _, answer in self._due_answers),
            (*dead, *(_dead(request, reason, wall) for request, reason in buried)),
            tuple(ended),
            tuple(self._asked),
            tuple(forgotten),
        )

    def _answer(self, request: Request, code: str, body: list[bytes], wall: float) -> Answer:
        assert request.call is not None
        return Answer(request.call, wall + self._keep, code, tuple(body))

    def settled(self, settled: Settled, now: float) -> list[Request]:
        """The group that was taken last is settled. Requests that have to be given out now."""
        self._size, self._lease = settled.size, settled.lease
        self._rested = now + settled.seconds
        self._ledger.warnings.lines += settled.notices
        if settled.refused:
            self._refusing, self._refuses_until = settled.refused, now + RETRY
        else:
            self._refuses_until = float("-inf")
        if settled.adopted:
            self._adopt(settled.adopted, now)
        return [] if settled.group is None else self._settle(settled.group, settled, now)

    def _adopt(self, records: Sequence[Kept], now: float) -> None:
        """Requests of a queue that has ended; clients waiting for one of them are answered here."""
        calls = self._ledger.calls
        here = [record for record in records if record.call in calls]
        for record in here:
            self._join_twin(record)
        self.restore([record for record in records if record.call not in calls], now)
        self._ledger.tally.adopted += len(records)
        for record in records:
            if record.call is None:
                continue
            waiting = self._elsewhere.pop(record.call, None)
            for one in waiting.asked if waiting is not None else ():
                repeat(self._ledger, self._ledger.calls[record.call], one.form, one.head, now)

    def _join_twin(self, record: Kept) -> None:
        """It was sent to both queues, and is worked on here already: that one is kept now, and
        its end is the end of the record."""
        assert record.call is not None
        request = self._ledger.calls[record.call]
        self._twins[request.number] = record.key
        self._posted.add(request.number)
        if request.client is not self.account:
            hand_over(self._ledger, request, self.account)
            self.addressed(request)

    def _settle(self, group: Group, settled: Settled, now: float) -> list[Request]:
        self._took.append(settled.seconds)
        if settled.refused:
            self._refused(group, settled)
        else:
            for record in group.accepted:
                if record.call in settled.elsewhere:
                    self._held_elsewhere(record.key, now)
                else:
                    self._written(record.key)
        if settled.unwritten:
            self._ended[:0], self._dead[:0] = group.ended, group.dead
            self._forgotten[:0] = group.forgotten
            self._attempt_again(group)
        else:
            self._say_answered()
        return self._know(group, settled, now)

    def _attempt_again(self, group: Group) -> None:
        """What had an attempt more is here still, or has ended."""
        waiting = {record.key for record in group.attempts}
        for number, request in self.account.open.items() if waiting else ():
            if number in waiting:
                self._attempts.setdefault(number, request)

    def _written(self, number: int) -> None:
        ledger = self._ledger
        request = self._unsaid.pop(number, None)
        if number in self.stored:
            self._kept.add(number)
        if request is None:
            return
        self._say_kept(request)
        if number in self.stored:
            hand_over(ledger, request, self.account)
            self.addressed(request)
            request.service.known = True
            ledger.names.disown(request.service)

    def _say_kept(self, request: Request) -> None:
        head = request.head
        if head and request.call is not None:
            self._ledger.tally.kept += 1
            self._ledger.to_clients.append(call.kept(head[0], head[2]))

    def _say_answered(self) -> None:
        """What was answered before it was written is kept by its answer."""
        for number, _ in self._due_answers:
            request = self._unsaid.pop(number, None)
            if request is not None:
                self._say_kept(request)
        self._due_answers.clear()

    def _held_elsewhere(self, number: int, now: float) -> None:
        """Another queue has that request: it is kept, and its reply comes from there, unless a
        worker has it here already."""
        request = self._unsaid.pop(number, None)
        self.stored.discard(number)
        if request is None:
            return
        self._say_kept(request)
        if request.number in request.service.queue and request.head:
            del request.service.queue[request.number]
            self._posted.discard(number)
            self._ledger.close(request)
            self._ledger.tally.abandoned += 1
            asked = AskedBefore(request.form, request.service.name, request.head, [])
            self._wait(request.head[2], [asked], now)

    def _refused(self, group: Group, settled: Settled) -> None:
        """The accepted ones are not on disk: who posted is told, others are as without a store."""
        for record in group.accepted:
            number = record.key
            self.stored.discard(number)
            request = self._unsaid.pop(number, None)
            if request is not None and number in self._posted:
                self._posted.discard(number)
                self._ledger.withdraw(request, settled.refused)

    def _know(self, group: Group, settled: Settled, now: float) -> list[Request]:
        """What the store knows of the calls that were asked for."""
        offered = []
        unwritten = self._unwritten_answers() if group.asked else set()
        for id in group.asked:
            asked = self._asked.pop(id, [])
            waiting = self._elsewhere.get(id)
            if settled.refused == AWAY or id in settled.elsewhere:
                self._wait(id, asked, now, settled.refused != AWAY)
                continue
            found = settled.answers.get(id)
            if found is None and id in unwritten:
                # It ended here while the store was asked: the next group has its answer.
                self._asked.setdefault(id, []).extend(asked)
                continue
            for one in waiting.asked if waiting is not None else ():
                self._told_late(one, found, now)
            self._elsewhere.pop(id, None)
            for one in asked:
                request = self._told(one, found, now)
                if request is not None:
                    offered.append(request)
        return offered

    def _unwritten_answers(self) -> set[bytes]:
        """Ids of requests that have ended, and whose answers are not on disk yet."""
        due = (answer.call for _, answer in self._due_answers)
        ended = (request.call for request, _, _ in self._answers)
        return {id for id in chain(due, ended) if id is not None}

    def _told(self, asked: AskedBefore, found: Answer | None, now: float) -> Request | None:
        ledger = self._ledger
        if found is not None:
            self._tell(asked, found)
            return None
        known = ledger.calls.get(call.key_of(asked.head[0], asked.head[2]))
        if known is not None:
            repeat(ledger, known, asked.form, asked.head, now)
        elif not asked.body:
            ledger.fail(asked.head, "unknown")
        else:
            return ledger.admit(asked.form, asked.service, asked.head, asked.body, now, asked=True)
        return None

    def _told_late(self, asked: AskedBefore, found: Answer | None, now: float) -> None:
        """Of a call that another queue had. Without an answer it was given there, to a client that
        did not post; a client that still waits asks again, which is no second execution."""
        known = self._ledger.calls.get(call.key_of(asked.head[0], asked.head[2]))
        if found is not None:
            self._tell(asked, found)
        elif known is not None:
            repeat(self._ledger, known, asked.form, asked.head, now)
        else:
            self._ledger.fail(asked.head, "other-queue" if asked.body else "unknown")

    def _tell(self, asked: AskedBefore, found: Answer) -> None:
        ledger = self._ledger
        if found.code:
            ledger.fail(asked.head, found.code)
        else:
            ledger.to_clients.append(call.kept(asked.head[0], asked.head[2]))
            ledger.to_clients.append([*asked.head, *found.body])

    # Calls that another queue has

    def _wait(self, id: bytes, asked: Iterable[AskedBefore], now: float, kept: bool = True) -> None:
        """Ask for it again in a while. `kept`: it is known to be on disk."""
        waiting = self._elsewhere.setdefault(id, Elsewhere())
        waiting.kept = kept
        for one in asked:
            self._join(waiting, one)
        waiting.due = now + waiting.pause
        waiting.pause = min(2 * waiting.pause, LAST_PAUSE)
        self._ask_at = min(self._ask_at, waiting.due)

    def _join(self, waiting: Elsewhere, asked: AskedBefore) -> None:
        """Each connection once, as it asked last."""
        others = [one for one in waiting.asked if one.head[0] != asked.head[0]]
        waiting.asked = [*others, asked]
        if waiting.kept:
            self._ledger.tally.kept += 1
            self._ledger.to_clients.append(call.kept(asked.head[0], asked.head[2]))

    def _ask_again(self, now: float) -> None:
        """Those that are due, with the next group."""
        if now < self._ask_at:
            return
        self._ask_at = float("inf")
        for id, waiting in self._elsewhere.items():
            if waiting.due <= now:
                self._asked.setdefault(id, [])
            else:
                self._ask_at = min(self._ask_at, waiting.due)

    def unwritten(self, group: Group | None) -> Unwritten:
        """What is not known to be on disk; `group` is being written."""
        ended = len(self._ended) + (0 if group is None else len(group.ended))
        return Unwritten(len(self._unsaid), ended)

    def report(self, now: float) -> dict[str, Any]:
        """Fields of `Report`."""
        took = sorted(self._took)
        return {
            "store_bytes": self._size,
            "store_full": bool(self.refusal(now)),
            "commit_p99": took[int(0.99 * (len(took) - 1))] if took else 0.0,
            "lease": max(0.0, self._lease - now) if self._lease < float("inf") else 0.0,
        }

    # A new start

    def restore(self, records: Iterable[Kept], now: float) -> list[Request]:
        """Requests of an earlier run, or of a queue that is no more, the oldest first: queued.

        Their clients' addresses are void, and their time to wait for a worker begins anew, since
        nobody could take them meanwhile. To be given out where there are workers.
        """
        # From the last to the first, so that each has its place at the head of its queue.
        restored = [self._restore(record, now) for record in reversed(list(records))]
        self._ledger.tally.restored += len(restored)
        return restored

    def _restore(self, record: Kept, now: float) -> Request:
        ledger, body = self._ledger, list(record.body)
        service = ledger.service(record.service, now)
        token = ledger.tokens.make(record.key)
        size = cost(body)
        request = Request(record.key, token, self.account, service, PLAIN, [], body, size, now)
        request.attempts = record.attempts
        request.call = record.call
        service.known = True
        self.stored.add(record.key)
        self._kept.add(record.key)
        if record.call is not None:
            self._posted.add(record.key)
        ledger.enter(request, self.account, service)
        ledger.put_back(request)
        return request


def _record(request: Request, past: float) -> Kept:
    return Kept(
        request.number,
        request.call,
        request.service.name,
        request.arrived + past,
        request.attempts,
        tuple(request.parcel[2:]),
    )


def _dead(request: Request, reason: str, wall: float) -> Dead:
    body = tuple(request.parcel[2:])
    return Dead(request.number, request.call, request.service.name, reason, wall, body)
