"""What holds for a broker at any moment, whatever has happened to it."""

from __future__ import annotations

from collections import Counter

from support.majordomo import Play

from zmqdev.broker.cost import cost
from zmqdev.broker.pool import Pool
from zmqdev.broker.request import Request
from zmqdev.broker.roster import Roster

CLIENTS = [b"\0aaaa", b"\0bbbb", b"named"]
WORKERS = [b"w%d" % number for number in range(5)]
SERVICES = [b"echo", b"other"]


def places(play: Play) -> Counter[bytes]:
    """How often each open request is held somewhere."""
    crew = play.broker.crew
    found: Counter[bytes] = Counter()
    for service in play.broker.ledger.services.values():
        found.update(request.token for request in service.queue.values())
    if isinstance(crew, Roster):
        found.update(w.request.token for w in crew.workers.values() if w.request is not None)
    elif isinstance(crew, Pool):
        found.update(list(crew.in_flight))
    return found


def weight(request: Request) -> int:
    """What a request costs, with the partial replies kept for it."""
    return cost(request.head + request.body) + sum(map(cost, request.parts or ()))


def check(play: Play) -> None:
    ledger = play.broker.ledger
    assert places(play) == Counter(dict.fromkeys(ledger.open, 1))
    counts = ledger.tally.read()
    ended = ("replies", "expired", "dead_letters", "abandoned", "unanswered", "evicted")
    assert counts["requests"] == sum(counts[name] for name in ended) + len(ledger.open)
    assert ledger.size == sum(weight(request) for request in ledger.open.values())
    assert sum(len(client.open) for client in ledger.clients.values()) == len(ledger.open)
    assert all(client.open for client in ledger.clients.values())
    for holder in (*ledger.clients.values(), *ledger.services.values()):
        mine = [r for r in ledger.open.values() if holder in (r.client, r.service)]
        assert holder.size == sum(map(weight, mine))
    unserved = [r for r in ledger.open.values() if not r.service.members]
    assert ledger.room.unserved.requests == len(unserved)
    assert ledger.room.unserved.size == sum(map(weight, unserved))
    assert ledger.waiting.size == sum(size for _, size in ledger.waiting.sizes())
    assert ledger.names.count == sum(not service.members for service in ledger.services.values())
    report = play.broker.report(play.now)
    assert report.queued + report.in_flight == len(ledger.open)
    for service in ledger.services.values():
        numbers = list(service.queue)
        assert numbers == sorted(numbers), "the oldest is first"
        assert min(play.broker.crew.states(service)) >= 0
        if not play.broker.crew.paused and isinstance(play.broker.crew, Roster):
            assert not (service.queue and service.ready), "somebody could work"
