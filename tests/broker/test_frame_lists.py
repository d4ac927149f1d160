"""Frame lists that no program would send: counted, and nothing raises."""

from __future__ import annotations

import random

import pytest
from support.invariants import CLIENTS, SERVICES, WORKERS, check
from support.majordomo import Play

from zmqdev.broker.roster import Roster
from zmqdev.wire import call
from zmqdev.wire.dialect import DIALECTS, MDP_01, DialectVerb

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
    call.AGAIN,
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
    verb = chance.choice([verb for verb in DialectVerb if dialect.knows(verb)])
    carried = [b"echo"] if verb is DialectVerb.READY else [token, b"", b"body"]
    near = [address, *dialect.frames(verb, *carried)]
    near[chance.randrange(len(near))] = chance.choice(alphabet)
    return near if chance.random() < 0.8 else near[: chance.randrange(len(near) + 1)]
