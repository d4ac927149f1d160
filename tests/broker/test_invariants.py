"""Whatever happens in whatever order: each request is in one place and answered at most once."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from support.majordomo import Play

from zmqdev.broker.pool import Pool
from zmqdev.broker.roster import Roster
from zmqdev.wire import call
from zmqdev.wire.dialect import DIALECTS, MDP_01, Verb

CLIENTS = [b"\0aaaa", b"\0bbbb", b"named"]
WORKERS = [b"w%d" % number for number in range(5)]
SERVICES = [b"echo", b"other"]


def places(play: Play) -> Counter[bytes]:
    """How often each open request is held somewhere."""
    crew = play.broker.crew
    found: Counter[bytes] = Counter()
    for service in play.broker.ledger.services.values():
        found.update(request.token for request in service.queue)
    if isinstance(crew, Roster):
        found.update(w.request.token for w in crew.workers.values() if w.request is not None)
    elif isinstance(crew, Pool):
        found.update(list(crew.in_flight))
    return found


def check(play: Play) -> None:
    ledger = play.broker.ledger
    assert places(play) == Counter(dict.fromkeys(ledger.open, 1))
    counts = ledger.tally.read()
    ended = ("replies", "expired", "dead_letters", "abandoned", "unanswered")
    assert counts["requests"] == sum(counts[name] for name in ended) + len(ledger.open)
    assert ledger.size == sum(request.size for request in ledger.open.values())
    assert sum(client.requests for client in ledger.clients.values()) == len(ledger.open)
    assert all(client.requests for client in ledger.clients.values())
    assert ledger._unknown == sum(not service.known for service in ledger.services.values())
    report = play.broker.report(play.now)
    assert report.queued + report.in_flight == len(ledger.open)
    for service in ledger.services.values():
        numbers = [request.number for request in service.queue]
        assert numbers == sorted(numbers), "the oldest is first"
        assert min(play.broker.crew.states(service)) >= 0
        if not play.broker.crew.paused and isinstance(play.broker.crew, Roster):
            assert not (service.queue and service.ready), "somebody could work"


class Interleavings(RuleBasedStateMachine):
    """Arrivals, replies, deaths, silence, refusals, pauses in any order."""

    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.play = Play(
            service="echo",
            max_attempts=3,
            busy_timeout=4.0,
            expiry=20.0,
            unknown_expiry=10.0,
            max_requests=30,
            client_requests=20,
        )
        self.asked = 0

    @rule(
        client=st.sampled_from(CLIENTS),
        service=st.sampled_from([*SERVICES, b"nobody"]),
        form=st.integers(0, 3),
    )
    def request(self, client: bytes, service: bytes, form: int) -> None:
        self.asked += 1
        body = b"%d" % self.asked
        forms = (
            [b"", b"MDPC01", service, body],
            [b"MDPC02", b"\x01", service, body],
            [b"", body],
            [call.CALL, body, b"", b"MDPC01", service, body],
        )
        self.play.client(client, *forms[form])

    @rule(
        worker=st.sampled_from(WORKERS),
        service=st.sampled_from(SERVICES),
        dialect=st.sampled_from(sorted(DIALECTS)),
    )
    def come(self, worker: bytes, service: bytes, dialect: str) -> None:
        self.play.ready(worker, service, DIALECTS[dialect])

    @rule(worker=st.sampled_from(WORKERS), target=tokens)
    def answer(self, worker: bytes) -> bytes:
        crew = self.play.broker.crew
        assert isinstance(crew, Roster)
        known = crew.workers.get(worker)
        if known is None or known.request is None:
            return b"nothing"
        token, body = known.request.token, known.request.body
        self.play.reply(worker, *body, token=token, dialect=known.dialect)
        return token

    @rule(worker=st.sampled_from(WORKERS), token=tokens)
    def answer_again(self, worker: bytes, token: bytes) -> None:
        self.play.reply(worker, b"again", token=token)

    @rule(worker=st.sampled_from(WORKERS))
    def partial(self, worker: bytes) -> None:
        crew = self.play.broker.crew
        assert isinstance(crew, Roster)
        known = crew.workers.get(worker)
        if known and known.request and known.dialect.knows(Verb.PARTIAL):
            carried = (known.request.token, b"", b"part")
            self.play.say(worker, Verb.PARTIAL, *carried, dialect=known.dialect)

    @rule(worker=st.sampled_from(WORKERS))
    def leave(self, worker: bytes) -> None:
        self.play.say(worker, Verb.DISCONNECT)

    @rule(worker=st.sampled_from(WORKERS), gone=st.booleans())
    def die(self, worker: bytes, gone: bool) -> None:
        broker = self.play.broker
        last = [frames for frames in self.play.sent_to_workers if frames[0] == worker][-1:]
        for message in last:
            broker.worker_refused(message, gone, self.play.now)
        self.play.collect()

    @rule(client=st.sampled_from(CLIENTS), gone=st.booleans())
    def refuse_reply(self, client: bytes, gone: bool) -> None:
        self.play.broker.clients_refused([[client, b"", b"x"]], gone, self.play.now)

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.5, 11.0]), alive=st.sets(st.sampled_from(WORKERS)))
    def wait(self, seconds: float, alive: set[bytes]) -> None:
        self.play.pass_time(seconds, alive=tuple(sorted(alive)))

    @rule(seconds=st.sampled_from([5.0, 500.0]))
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

    @invariant()
    def holds(self) -> None:
        check(self.play)

    @invariant()
    def no_request_is_answered_twice(self) -> None:
        bodies = Counter(
            frames[-1]
            for frames in self.play.sent_to_clients
            if frames[1] != call.FAILED and frames[-1].isdigit()
        )
        assert all(times == 1 for times in bodies.values()), bodies

    def teardown(self) -> None:
        """With workers that do their work, everything ends."""
        play = self.play
        play.broker.resume(play.now)
        for name, service in ((b"last", b"echo"), (b"least", b"other")):
            play.ready(name, service)
        crew = play.broker.crew
        assert isinstance(crew, Roster)
        for _ in range(400):
            if not play.broker.ledger.open:
                break
            for name in (b"last", b"least"):
                worker = crew.workers.get(name)
                if worker and worker.request:
                    body = worker.request.body
                    play.reply(name, *body, token=worker.request.token, dialect=worker.dialect)
            play.pass_time(0.5, alive=(b"last", b"least"))
        assert not play.broker.ledger.open
        check(play)


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

ALPHABET = [
    b"",
    b"\x01",
    b"\x02",
    b"\x03",
    b"\x04",
    b"\x05",
    b"\x06",
    b"\xff",
    b"MDPC01",
    b"MDPC02",
    b"MDPW01",
    b"MDPW02",
    b"mmi.service",
    b"mmi.x",
    b"echo",
    b"x" * 300,
    call.CALL,
    call.FAILED,
    b"id",
]


@pytest.mark.parametrize("workers", ["auto", "plain"])
def test_random_and_near_valid_frame_lists_raise_nothing(workers: str) -> None:
    """10,000 for each side; every tenth message is a right one, so that states are reached."""
    chance = random.Random(20_000)
    play = Play(workers=workers, service="echo", expiry=5.0, unknown_expiry=2.0, busy_timeout=1.0)
    play.broker.connections(3, play.now)
    for number in range(10_000):
        if number % 10 == 0:
            play.ready(chance.choice(WORKERS), chance.choice(SERVICES))
            play.ask(b"%d" % number, client=chance.choice(CLIENTS))
        play.broker.receive_clients([random_frames(chance, CLIENTS, play)], play.now)
        play.broker.receive_workers([random_frames(chance, WORKERS, play)], play.now)
        play.broker.tick(play.now)
        play.now += chance.choice([0.0, 0.001, 0.1])
        play.sent_to_clients.clear()
        del play.sent_to_workers[:-20]
        play.collect()
    check(play)
    assert play.counts["malformed_clients"] > 1000
    assert play.counts["malformed_workers"] > 1000
    assert play.counts["requests"] > 1000
    assert play.counts["replies"] > 10


def random_frames(chance: random.Random, addresses: list[bytes], play: Play) -> list[bytes]:
    """Frames of the protocols in any order, or a whole message with one frame changed."""
    tokens = list(play.broker.ledger.open)[:3]
    alphabet = [*ALPHABET, *tokens, chance.randbytes(chance.randrange(8))]
    address = chance.choice([*addresses, chance.randbytes(5)])
    if chance.random() < 0.5:
        return [address, *(chance.choice(alphabet) for _ in range(chance.randrange(8)))]
    token = chance.choice([*tokens, b"token"])
    dialect = chance.choice([*DIALECTS.values(), MDP_01])
    crew = play.broker.crew
    known = crew.workers.get(address) if isinstance(crew, Roster) else None
    if known and known.request:
        token, dialect = known.request.token, known.dialect
    verb = chance.choice([verb for verb in Verb if dialect.knows(verb)])
    carried = [b"echo"] if verb is Verb.READY else [token, b"", b"body"]
    near = [address, *dialect.frames(verb, *carried)]
    near[chance.randrange(len(near))] = chance.choice(alphabet)
    return near if chance.random() < 0.8 else near[: chance.randrange(len(near) + 1)]
