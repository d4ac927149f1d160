"""The changes of the ledger that go to disk, and their confirmations. Pure; time is an argument.

Rules.
- Requests are given to workers at once; only the notice KEPT waits for the disk.
- A request that ends before its group is written is never written.
- One group is written while the next one is collected. A group is taken every `commit-within` at
  most; sooner when as many clients wait for it as for the last one, which are probably all, and
  the store has rested as long as that one took.
- A stored request belongs to no connection: it counts for the account of the store. So no limit of
  a client, no end of a connection and no flood of another client removes it.
- The answer to a posted request is kept, and given to clients that ask with its id.
- The store is asked about calls that only it can know with a group; see elsewhere.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from zmqdev.broker.cost import cost
from zmqdev.broker.elsewhere import Inquiries
from zmqdev.broker.record import Answer, Dead, Group, Kept, Settled
from zmqdev.broker.repeat import AskedBefore, hand_over
from zmqdev.broker.request import Client, Request
from zmqdev.stats.units import counted
from zmqdev.wire import call
from zmqdev.wire.majordomo import PLAIN

if TYPE_CHECKING:
    from zmqdev.broker.ledger import Ledger

# Seconds until a store that refused a group is tried again.
RETRY = 0.5


@dataclass(frozen=True)
class Unwritten:
    """Counts what is not on disk at the end: posts, and ended requests, which may repeat."""

    posts: int
    ended: int

    def __str__(self) -> str:
        parts = [f"not kept: {counted(self.posts, 'post')}"] if self.posts else []
        if self.ended:
            parts.append(f"done, and may be done again: {counted(self.ended, 'request')}")
        return "; ".join(parts) or "what was kept stays so"


class Journal:
    """The journal of a ledger. Its keys are the numbers of requests.

    `stored`: requests written or being written.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._within = ledger.settings.commit_within
        self._keep = ledger.settings.keep_replies
        self.account = Client(b"")
        self.stored: set[int] = set()
        self._kept: set[int] = set()  # those known to be on disk
        self._posted: set[int] = set()  # those whose answers are kept
        self._unsaid: dict[int, Request] = {}  # those whose clients wait for KEPT
        self._fresh: dict[int, Request] = {}
        self._named: dict[bytes, dict[int, Request]] = {}  # kept ones, by chosen routing ids
        self._attempts: dict[int, Request] = {}
        self._answers: list[tuple[Request, str, list[bytes]]] = []
        self._due_answers: list[tuple[int, Answer]] = []  # to be written (again)
        self._dead: list[Dead] = []
        self._buried: list[tuple[Request, str]] = []
        self._ended: list[int] = []
        self._forgotten: list[bytes] = []
        self._inquiries = Inquiries(ledger)
        self._twins: dict[int, int] = {}  # request here, not stored -> its record, taken over
        self._since = float("inf")  # since when there is something to write
        self._taken = self._rested = float("-inf")
        self._waiting = self._expected = 0  # clients of the next and last group
        self._refusing = ""
        self._size = 0
        self._took: deque[float] = deque(maxlen=100)
        self._refuses_until = float("-inf")
        self._lease = float("inf")

    # Called by the ledger

    def begin(self, request: Request, mark: bytes) -> None:
        """Record an accepted request."""
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
        """Return why no post is accepted now; "" when posts are accepted."""
        return self._refusing if now < self._refuses_until else ""

    def repeated(self, request: Request, now: float) -> None:
        """Handle a client that asks again, and wants to know whether the request is on disk."""
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
        """Record the reply of a request, or the code of a failure."""
        number = request.number
        if number in self._posted and request.call is not None and self._keep:
            if not code or number in self._kept:
                self._answers.append((request, code, body))
        elif code:
            self._unsaid.pop(number, None)

    def attempted(self, request: Request) -> None:
        """Record a failed attempt after which there will be another."""
        if request.number in self.stored:
            self._attempts[request.number] = request

    def buried(self, request: Request, reason: str) -> None:
        """Record a request that became a dead letter."""
        self._buried.append((request, reason))

    def end(self, request: Request) -> None:
        """Record the end of a request."""
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
        """Ask the store about a call."""
        if self._inquiries.ask(asked):
            self._waiting += 1
            self._note(now)

    def forget(self, id: bytes, now: float) -> None:
        """Forget the reply to a call, and withdraw the request if no worker has it yet."""
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
        """Return whether the request will still exist after a restart of the queue."""
        return request.client is self.account

    # Addresses: a routing id that a peer chose may belong to another peer later

    def addressed(self, request: Request) -> None:
        """Record the present address of a request of the account."""
        if request.client is self.account and not request.head[0].startswith(b"\0"):
            self._named.setdefault(request.head[0], {})[request.number] = request

    def holds(self, identity: bytes) -> bool:
        """Return whether a reply may be sent to that routing id."""
        return identity in self._named or self._inquiries.holds(identity)

    def void(self, identity: bytes) -> None:
        """Send nothing more to a routing id, which belongs to another peer now."""
        for request in (*self._named.pop(identity, {}).values(), *self._unsaid.values()):
            if request.head[:1] == [identity]:
                request.head[0] = self._ledger.nowhere
        self._inquiries.void(identity)

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
            or self._inquiries
            or self._answers
            or self._due_answers
            or self._buried
            or self._dead
            or self._attempts
            or self._forgotten
        )

    def due(self) -> float:
        """Return when the next group must be taken; infinite when there is nothing to write."""
        if not self._work():
            return self._inquiries.due
        if self._unsaid or self._inquiries:
            all_wait = 0 < self._waiting >= self._expected
            within = self._taken + self._within
            return min(within, self._rested) if all_wait else within
        return max(self._taken, self._since if self._since < float("inf") else 0) + self._within

    def take_records(self, now: float, wall: float) -> Group:
        """Return the next group; `wall` is in seconds since 1970."""
        past = wall - now  # converts the times of requests to those of records
        self._taken, self._since = now, float("inf")
        self._expected, self._waiting = self._waiting, 0
        asked = self._inquiries.take(now)
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
            asked,
            tuple(forgotten),
        )

    def _answer(self, request: Request, code: str, body: list[bytes], wall: float) -> Answer:
        assert request.call is not None
        return Answer(request.call, wall + self._keep, code, tuple(body))

    def settled(self, settled: Settled, now: float) -> list[Request]:
        """Handle the outcome of the last group; return requests to give to workers."""
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
        """Take in requests of a queue that has ended.

        Clients that wait for one of them are answered here.
        """
        calls = self._ledger.calls
        here = [record for record in records if record.call in calls]
        for record in here:
            self._join_twin(record)
        self.restore([record for record in records if record.call not in calls], now)
        self._ledger.tally.adopted += len(records)
        for record in records:
            if record.call is not None:
                self._inquiries.came(record.call, now)

    def _join_twin(self, record: Kept) -> None:
        """Join a record with a request that was sent to both queues and is being worked on here.

        The request counts as stored now, and its end is the end of the record.
        """
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
        unwritten = self._unwritten_answers() if group.asked else set()
        return self._inquiries.settled(group, settled, unwritten, now)

    def _attempt_again(self, group: Group) -> None:
        """Write again the attempts of requests that have not ended."""
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
        """Report a request that was answered before it was written as kept, as its answer is."""
        for number, _ in self._due_answers:
            request = self._unsaid.pop(number, None)
            if request is not None:
                self._say_kept(request)
        self._due_answers.clear()

    def _held_elsewhere(self, number: int, now: float) -> None:
        """Handle a request that another queue has.

        It is on disk there and is answered from there, unless a worker has it here already.
        """
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
            self._inquiries.wait(request.head[2], [asked], now)

    def _refused(self, group: Group, settled: Settled) -> None:
        """Handle accepted requests that are not on disk.

        Clients that posted are told; the other requests continue as without a store.
        """
        for record in group.accepted:
            number = record.key
            self.stored.discard(number)
            request = self._unsaid.pop(number, None)
            if request is not None and number in self._posted:
                self._posted.discard(number)
                self._ledger.withdraw(request, settled.refused)

    def _unwritten_answers(self) -> set[bytes]:
        """Return ids of requests that have ended, and whose answers are not on disk yet."""
        due = (answer.call for _, answer in self._due_answers)
        ended = (request.call for request, _, _ in self._answers)
        return {id for id in chain(due, ended) if id is not None}

    def unwritten(self, group: Group | None) -> Unwritten:
        """Return what may not be on disk yet; `group` is being written."""
        ended = len(self._ended) + (0 if group is None else len(group.ended))
        return Unwritten(len(self._unsaid), ended)

    def report(self, now: float) -> dict[str, Any]:
        """Return fields of `ReliableReport`."""
        took = sorted(self._took)
        return {
            "store_bytes": self._size,
            "store_full": bool(self.refusal(now)),
            "commit_p99": took[int(0.99 * (len(took) - 1))] if took else 0.0,
            "lease": max(0.0, self._lease - now) if self._lease < float("inf") else 0.0,
        }

    # The start

    def restore(self, records: Iterable[Kept], now: float) -> list[Request]:
        """Queue the requests of an earlier run, or of a queue that has ended, the oldest first.

        The addresses of their clients are void. Their time to wait for a worker starts anew, since
        no worker could take them meanwhile. The caller gives them to workers.
        """
        # From the last to the first, as each is put at the head of its queue.
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
