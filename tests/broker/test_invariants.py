"""Whatever happens in whatever order: each request is in one place and answered at most once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from support.examples import examples
from support.invariants import CLIENTS, SERVICES, WORKERS, check
from support.majordomo import Play

from zmqdev.broker.pool import Pool
from zmqdev.broker.roster import Roster
from zmqdev.broker.worker import Worker
from zmqdev.wire import call
from zmqdev.wire.dialect import DIALECTS, DialectVerb

T = TypeVar("T")
# Most steps are short, or nobody would ever be at work.
MOMENTS = st.sampled_from([0.1, 0.1, 0.5, 0.5, 1.0, 3.5, 4.5, 11.0])
# About what a request of these tests costs.
ONE = 900
# Why a call over another connection stays where it is.
REFUSALS = (b"client-full", b"elsewhere")
NUMBER = st.integers(0, 99)
"""Which of several that are there, counted round and round."""


class Clients(RuleBasedStateMachine):
    """What clients do, and what holds whatever the workers do. Each body is asked once."""

    workers: str
    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.play = Play(
            workers=self.workers,
            service="echo",
            max_attempts=2,
            busy_timeout=4.0,
            expiry=20.0,
            unknown_expiry=10.0,
            max_requests=30,
            client_requests=8,
            max_bytes=30 * ONE,
            client_bytes=20 * ONE,
        )
        self.asked: dict[bytes, bytes] = {}  # body -> its client
        self.calls: set[bytes] = set()
        self.late_refusals: list[list[bytes]] = []
        self.bodies: dict[bytes, bytes] = {}  # token -> body

    @rule(
        client=st.sampled_from(CLIENTS),
        service=st.sampled_from([*SERVICES, *SERVICES, b"nobody"]),
        form=st.integers(0, 3),
        size=st.integers(1, 20),
        number=st.integers(1, 5),
    )
    def request(self, client: bytes, service: bytes, form: int, size: int, number: int) -> None:
        for _ in range(number):
            self.request_one(client, service, form, size)

    @initialize(forms=st.lists(st.integers(0, 3), max_size=12))
    def first_requests(self, forms: list[int]) -> None:
        for number, form in enumerate(forms):
            self.request_one(CLIENTS[number % 3], SERVICES[number % 2], form, 1)

    def request_one(self, client: bytes, service: bytes, form: int, size: int) -> None:
        body = (b"%d" % len(self.asked)).zfill(size + 3)
        self.asked[body] = client
        forms = (
            [b"", b"MDPC01", service, body],
            [b"MDPC02", b"\x01", service, body],
            [b"", body],
            [call.CALL, body, b"", b"MDPC01", service, body],
        )
        if form == len(forms) - 1:
            self.calls.add(body)
        self.play.client(client, *forms[form])

    def open_calls(self) -> list[bytes]:
        held = self.play.broker.ledger.calls.values()
        return sorted(request.head[2] for request in held)

    @precondition(open_calls)
    @rule(which=NUMBER)
    def ask_again(self, which: int) -> None:
        """Only while it is here; later it would be another request."""
        body = pick(self.open_calls(), which)
        client = self.play.broker.ledger.clients[self.asked[body]]
        before = self.play.counts["repeated"]
        again = [call.CALL, body, b"", b"MDPC01", b"echo", body]
        self.play.client(client.identity, *again)
        assert self.play.counts["repeated"] == before + 1

    @precondition(open_calls)
    @rule(which=NUMBER, client=st.sampled_from(CLIENTS))
    def ask_again_over_another_connection(self, which: int, client: bytes) -> None:
        """One with an id that is unique goes over, where the client has room for it."""
        body = pick(self.open_calls(), which)
        request = self.play.broker.ledger.calls.get(body)
        if request is None or request.client.identity == client:
            return
        self.play.client(client, call.AGAIN, body, b"", b"MDPC01", b"echo", body)
        if request.client.identity == client:
            self.asked[body] = client
        else:
            self.take_refusal(client, body)

    def take_refusal(self, client: bytes, body: bytes) -> None:
        """It is on its way, or waits behind what the client has not read.

        A request whose first parts went to one client is not another's any more.
        """
        backlog = self.play.broker.ledger.waiting._backlogs.get(client)
        waits = list(backlog.messages) if backlog else []
        sent = self.play.sent_to_clients
        [refusal] = [
            frames
            for frames in [*sent, *waits]
            if [frames[0], *frames[2:3]] == [client, body] and frames[-2] in REFUSALS
        ][-1:]
        if refusal in sent:
            sent.remove(refusal)
        else:
            self.late_refusals.append(refusal)

    @rule(client=st.sampled_from(CLIENTS), gone=st.booleans())
    def refuse_reply(self, client: bytes, gone: bool) -> None:
        self.play.broker.client_refused([[client, b"", b"x"]], gone, self.play.now)

    @rule(seconds=st.sampled_from([0.5, 5.0, 500.0]))
    def be_absent(self, seconds: float) -> None:
        self.play.now += seconds
        self.play.broker.tick(self.play.now)
        self.play.collect()

    @rule()
    def pause(self) -> None:
        self.play.broker.pause()

    @rule()
    def resume(self) -> None:
        self.play.broker.resume(self.play.now)
        self.play.collect()

    def reply_once(self, owned: bool, reply: Callable[[], None]) -> None:
        """A reply counts when its worker has the request, and never otherwise."""
        before = self.play.counts["replies"]
        reply()
        assert self.play.counts["replies"] == before + owned

    @invariant()
    def holds(self) -> None:
        check(self.play)
        ledger, limits = self.play.broker.ledger, self.play.broker.settings
        assert len(ledger.open) <= limits.max_requests
        assert ledger.size + ledger.waiting.size <= limits.max_bytes
        for client in ledger.clients.values():
            assert len(client.open) <= limits.client_requests
        for token, request in ledger.open.items():
            assert request.attempts <= limits.max_attempts
            self.bodies[token] = request.body[0]

    @invariant()
    def each_request_is_answered_at_most_once_and_to_its_own_client(self) -> None:
        answered: Counter[bytes] = Counter()
        for address, *frames in self.play.sent_to_clients:
            if [address, *frames] in self.late_refusals:
                continue  # of a call that is another client's
            body = frames[1] if frames[0] == call.FAILED else frames[-1]
            if body in self.asked:
                assert self.asked[body] == address
                answered[body] += 1
        assert all(times == 1 for times in answered.values()), answered

    def work(self) -> None:
        """Workers that do their work come and do some."""
        raise NotImplementedError

    def teardown(self) -> None:
        """With workers that do their work, everything ends; a stop ends everything."""
        play = self.play
        play.broker.resume(play.now)
        if len(self.asked) % 2:
            play.broker.stop()
            play.collect()
        for _ in range(400):
            if not play.broker.ledger.open:
                break
            self.work()
        assert not play.broker.ledger.open
        check(play)
        self.every_call_is_answered_or_refused()

    def every_call_is_answered_or_refused(self) -> None:
        """What the client did not take is still here for it; who is gone is told nothing."""
        play = self.play
        waits = {
            reply[2]
            for backlog in play.broker.ledger.waiting._backlogs.values()
            for reply in backlog.messages
            if len(reply) > 2
        }
        told = {frames[2] for frames in play.sent_to_clients if len(frames) > 2}
        silent = self.calls - told - waits
        counts = play.counts
        assert len(silent) <= counts["abandoned"] + counts["unreachable"] + counts["overflowed"]


class Interleavings(Clients):
    """Arrivals, replies, deaths, silence, refusals, pauses in any order."""

    workers = "auto"
    tokens = Clients.tokens

    @initialize(dialects=st.lists(st.sampled_from(sorted(DIALECTS)), min_size=1, max_size=5))
    def open_for_work(self, dialects: list[str]) -> None:
        for number, (worker, dialect) in enumerate(zip(WORKERS, dialects, strict=False)):
            self.play.ready(worker, SERVICES[number % 2], DIALECTS[dialect])

    @property
    def roster(self) -> Roster:
        crew = self.play.broker.crew
        assert isinstance(crew, Roster)
        return crew

    def there(self) -> list[Worker]:
        return sorted(self.roster.workers.values(), key=lambda worker: worker.identity)

    def busy(self) -> list[Worker]:
        return [worker for worker in self.there() if worker.request is not None]

    def answer_with(self, worker: Worker, token: bytes, owned: bool) -> None:
        body, dialect = self.bodies.get(token, b"nothing"), worker.dialect
        self.reply_once(
            owned, lambda: self.play.reply(worker.identity, body, token=token, dialect=dialect)
        )

    @rule(
        worker=st.sampled_from(WORKERS),
        service=st.sampled_from(SERVICES),
        dialect=st.sampled_from(sorted(DIALECTS)),
    )
    def come(self, worker: bytes, service: bytes, dialect: str) -> None:
        self.play.ready(worker, service, DIALECTS[dialect])

    @precondition(busy)
    @rule(which=NUMBER, target=tokens)
    def answer(self, which: int) -> bytes:
        worker = pick(self.busy(), which)
        assert worker.request is not None
        token = worker.request.token
        self.answer_with(worker, token, owned=True)
        return token

    @precondition(busy)
    @rule()
    def answer_all(self) -> None:
        for worker in self.busy():
            if worker.request is not None:
                self.answer_with(worker, worker.request.token, owned=True)

    @precondition(busy)
    @rule(which=NUMBER, other=NUMBER)
    def answer_for_another(self, which: int, other: int) -> None:
        worker, owner = pick(self.there(), which), pick(self.busy(), other)
        if worker is not owner and owner.request is not None:
            self.answer_with(worker, owner.request.token, owned=False)

    @precondition(there)
    @rule(which=NUMBER, token=tokens)
    def answer_again(self, which: int, token: bytes) -> None:
        self.answer_with(pick(self.there(), which), token, owned=False)

    @precondition(busy)
    @rule(which=NUMBER)
    def partial(self, which: int) -> None:
        worker = pick(self.busy(), which)
        if worker.request is not None and worker.dialect.knows(DialectVerb.PARTIAL):
            carried = (worker.request.token, b"", b"part")
            self.play.say(worker.identity, DialectVerb.PARTIAL, *carried, dialect=worker.dialect)

    @precondition(busy)
    @rule(which=NUMBER)
    def beat(self, which: int) -> None:
        """A heartbeat never makes a worker ready."""
        worker = pick(self.busy(), which)
        request = worker.request
        if not worker.dialect.beats:
            return
        self.play.say(worker.identity, DialectVerb.HEARTBEAT, dialect=worker.dialect)
        assert worker in self.busy()
        assert worker.request is request
        assert worker not in worker.service.ready

    @precondition(there)
    @rule(which=NUMBER)
    def leave(self, which: int) -> None:
        worker = pick(self.there(), which)
        if worker.dialect.knows(DialectVerb.DISCONNECT):
            self.play.say(worker.identity, DialectVerb.DISCONNECT, dialect=worker.dialect)
            assert worker not in self.there()

    @rule(worker=st.sampled_from(WORKERS), gone=st.booleans())
    def die(self, worker: bytes, gone: bool) -> None:
        broker = self.play.broker
        last = [frames for frames in self.play.sent_to_workers if frames[0] == worker][-1:]
        for message in last:
            broker.worker_refused(message, gone, self.play.now)
        self.play.collect()

    @rule(seconds=MOMENTS, silent=st.sets(st.sampled_from(WORKERS), max_size=2))
    def wait(self, seconds: float, silent: set[bytes]) -> None:
        """The workers that are not silent send heartbeats; nobody else has much to say."""
        end = self.play.now + seconds
        while self.play.now < end:
            for worker in self.there():
                if worker.identity not in silent:
                    self.play.say(worker.identity, DialectVerb.HEARTBEAT, dialect=worker.dialect)
            self.play.pass_time(min(0.5, end - self.play.now))

    def work(self) -> None:
        for name, service in ((b"last", b"echo"), (b"least", b"other")):
            if name not in self.roster.workers:
                self.play.ready(name, service)
        self.answer_all()
        self.wait(0.5, set())


class PlainInterleavings(Clients):
    """The same behind a DEALER, where nothing but replies is heard of a worker."""

    workers = "plain"
    tokens = Clients.tokens

    @initialize(workers=st.integers(1, 4))
    def open_for_work(self, workers: int) -> None:
        self.come_and_go(workers)

    @property
    def pool(self) -> Pool:
        crew = self.play.broker.crew
        assert isinstance(crew, Pool)
        return crew

    @rule(workers=st.integers(0, 4))
    def come_and_go(self, workers: int) -> None:
        self.play.broker.connections(workers, self.play.now)
        self.play.collect()

    def in_flight(self) -> list[bytes]:
        return list(self.pool.in_flight)

    def overdue(self) -> list[bytes]:
        """Tokens of requests that are queued, some of them again."""
        return [token for token in self.pool.ledger.open if token not in self.pool.in_flight]

    @precondition(in_flight)
    @rule(which=NUMBER, target=tokens)
    def answer(self, which: int) -> bytes:
        token = pick(self.in_flight(), which)
        self.answer_with(token, owned=True)
        return token

    @rule(token=tokens)
    def answer_again(self, token: bytes) -> None:
        self.answer_with(token, owned=False)

    @precondition(overdue)
    @rule(which=NUMBER)
    def answer_late(self, which: int) -> None:
        """The first reply to a request counts, though its time was over."""
        self.answer_with(pick(self.overdue(), which), owned=True)

    def answer_with(self, token: bytes, owned: bool) -> None:
        body = self.bodies.get(token, b"nothing")
        self.reply_once(owned, lambda: self.play.worker(token, b"", body))

    @rule()
    def refuse(self) -> None:
        for message in [m for m in self.play.sent_to_workers if m[0] in self.pool.in_flight][-1:]:
            self.play.broker.worker_refused(message, False, self.play.now)

    @rule()
    def have_room(self) -> None:
        self.play.broker.room(self.play.now)
        self.play.collect()

    @rule(seconds=MOMENTS)
    def wait(self, seconds: float) -> None:
        self.play.pass_time(seconds)

    def work(self) -> None:
        if not self.pool._connected:
            self.play.broker.connections(2, self.play.now)
        self.have_room()
        for token in list(self.pool.in_flight):
            self.answer_with(token, owned=True)
        self.wait(0.5)


def pick(several: list[T], which: int) -> T:
    return several[which % len(several)]


def several(number: int) -> settings:
    return settings(
        max_examples=examples(number),
        stateful_step_count=60,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = several(200)
TestPlainInterleavings = PlainInterleavings.TestCase
TestPlainInterleavings.settings = several(100)
