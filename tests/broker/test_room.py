"""Limits that all share: what counts, and who pays when one is reached."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
from support.invariants import check
from support.majordomo import Play

from zmqdev.broker.cost import cost
from zmqdev.broker.names import MOST
from zmqdev.wire.dialect import MDP_02, DialectVerb

MEBIBYTE = 1 << 20
GOOD = 50


def serve(play: Play, worker: bytes, number: int) -> int:
    """Answer what a worker is given, at most so many times: how many."""
    for done in range(number):
        given = play.work_of(worker)
        if len(given) <= done:
            return done
        play.reply(worker, b"done", token=given[done][0])
    return number


def good_requests_served(play: Play) -> int:
    """Fifty requests of an honest client beside an idle worker."""
    play.ready(b"idle", service=b"good")
    for number in range(GOOD):
        play.ask(b"%d" % number, client=b"honest", service=b"good")
    return serve(play, b"idle", GOOD)


def test_requests_that_nobody_serves_leave_room_for_those_that_are_served() -> None:
    """Five clients with 100,000 requests filled a ledger of as many: 0 of 50 beside an idle
    worker."""
    play = Play(max_requests=10_000)
    for number in range(10_000):
        play.broker.receive_clients(
            [[b"bad%d" % (number % 5), b"", b"MDPC01", b"nobody", b"x"]], play.now
        )
    assert len(play.broker.ledger.open) == 5_000
    assert good_requests_served(play) == GOOD
    check(play)


@pytest.mark.parametrize("limits", [{"max_requests": 100}, {"max_bytes": 100 * 1000}], ids=repr)
def test_the_largest_holder_pays_for_a_newcomer(limits: dict[str, int]) -> None:
    play = Play(**limits)
    play.ready(b"busy")
    for number in range(200):
        play.ask(b"%d" % number, client=b"large")
    refused = play.counts["refused"]
    assert refused > 50
    for number in range(20):
        play.ask(b"%d" % number, client=b"small")
    assert play.counts["refused"] == refused, "the small one is let in"
    assert play.counts["evicted"] == 20, "each time the large one pays"
    clients = play.broker.ledger.clients
    assert len(clients[b"small"].open) == 20
    newest = next(reversed(clients[b"large"].open.values()))
    assert newest.body == [b"%d" % (len(clients[b"large"].open) - 1)], "with its newest"
    check(play)


def test_holders_of_the_same_size_do_not_push_each_other_out() -> None:
    play = Play(max_requests=100)
    play.ready(b"busy")
    for number in range(400):
        play.ask(b"x", client=b"%d" % (number % 2))
    sizes = [len(client.open) for client in play.broker.ledger.clients.values()]
    assert sizes == [50, 50]
    assert play.counts["evicted"] == 0


def test_what_a_worker_has_is_not_taken_back_for_room() -> None:
    play = Play(max_requests=4)
    for worker in (b"1", b"2", b"3", b"4"):
        play.ready(worker)
        play.ask(b"x", client=b"large")
    play.ask(b"y", client=b"small")
    assert (play.counts["refused"], play.counts["evicted"]) == (1, 0)


def test_among_the_unserved_the_largest_holder_pays_with_an_unserved_one() -> None:
    play = Play(max_requests=40)
    play.ready(b"busy")
    for number in range(20):
        play.ask(b"%d" % number, client=b"large", service=b"nobody")
    play.ask(b"served", client=b"large")
    play.ask(b"small", client=b"small", service=b"nobody")
    assert play.counts["evicted"] == 1
    assert play.broker.ledger.services[b"nobody"].held == 20
    assert [r.body for r in play.broker.ledger.clients[b"large"].open.values()][-1] == [b"served"]
    check(play)


def test_a_service_whose_workers_come_and_go_moves_between_the_parts() -> None:
    play = Play()
    for number in range(3):
        play.ask(b"%d" % number)
    unserved = play.broker.ledger.room.unserved
    assert unserved.requests == 3
    play.ready(b"w")
    assert (unserved.requests, unserved.size) == (0, 0)
    play.say(b"w", DialectVerb.DISCONNECT)
    assert unserved.requests == 3
    check(play)


def many_empty_frames(play: Play) -> None:
    for number in range(20):
        play.ask(*[b""] * 9_990, client=b"%d" % number)


def many_envelope_frames(play: Play) -> None:
    for number in range(20):
        play.client(b"%d" % number, *[b"ab"] * 9_000, b"", b"MDPC01", b"echo", b"x")


def many_small_requests(play: Play) -> None:
    for number in range(10_000):
        play.ask(b"x", client=b"%d" % (number % 100))


def many_partials(play: Play) -> None:
    play.ready(b"w", dialect=MDP_02)
    play.ask(b"x")
    token = play.token(b"w", MDP_02)
    for _ in range(10_000):
        play.say(b"w", DialectVerb.PARTIAL, token, b"", b"", dialect=MDP_02)


def many_unread_replies(play: Play) -> None:
    for number in range(10_000):
        play.broker.client_refused([[b"%d" % (number % 20), b"", b"x%d" % number]], False, 0.0)


@pytest.mark.parametrize(
    "attack",
    [
        many_empty_frames,
        many_envelope_frames,
        many_small_requests,
        many_partials,
        many_unread_replies,
    ],
)
def test_the_limit_of_bytes_counts_what_costs(attack: Callable[[Play], None]) -> None:
    """12,000 requests of 9,990 empty frames were 0 bytes and had 1,673 MiB."""
    play = Play(max_bytes=2 * MEBIBYTE, client_bytes=2 * MEBIBYTE, max_requests=1_000_000)
    tracemalloc.start()
    try:
        attack(play)
        play.sent_to_clients.clear()
        play.sent_to_workers.clear()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2.25 * MEBIBYTE
    report = play.broker.report(play.now)
    assert report.bytes <= 2 * MEBIBYTE
    counts = report.counters
    assert counts["refused"] + counts["dead_letters"] + counts["overflowed"] > 0


def test_replies_that_are_not_read_and_requests_share_one_limit() -> None:
    """Fifty clients that did not read had 2,283 MiB: each its own limit, and no other."""
    reply = [b"", b"x" * 1000]
    play = Play(max_bytes=100 * cost([b"deaf-00", *reply]))
    for number in range(1000):
        play.broker.client_refused([[b"deaf-%02d" % (number % 50), *reply]], False, play.now)
    assert play.broker.report(play.now).waiting_replies == 100
    assert play.counts["overflowed"] == 900
    play.ready(b"w")
    for _ in range(GOOD):
        play.ask(b"x" * 100, client=b"honest")
        play.reply(b"w", b"done")
    assert play.counts["replies"] == GOOD, "they pay for a client that reads"
    check(play)


def test_one_client_that_makes_up_names_does_not_use_up_those_of_others() -> None:
    play = Play()
    for number in range(2 * MOST):
        play.ask(b"x", client=b"bad", service=b"made-up-%d" % number)
    play.ask(b"x", client=b"honest", service=b"early")
    assert play.broker.ledger.services[b"early"].held == 1
    assert len(play.broker.ledger.services) == MOST
    assert play.counts["expired"] == 1, "one of the other's names is forgotten"
    check(play)


def test_of_services_without_workers_only_the_longest_queues_are_shown() -> None:
    play = Play()
    for number in range(MOST):
        play.ask(b"x", service=b"made-up-%d" % number)
    play.ask(b"x", service=b"made-up-700")
    play.ready(b"w", service=b"made-up-800")
    report = play.broker.report(play.now)
    assert [row.name for row in report.services[:2]] == ["made-up-800", "made-up-700"]
    assert len(report.services) + report.services_not_shown == MOST
    assert len(report.services) < 100


def test_services_without_workers_are_limited_however_they_came() -> None:
    """11,868 of them made a status of 1.8 MB."""
    play = Play()
    for number in range(3 * MOST):
        name = b"left-%d" % number
        play.ready(b"w", service=name)
        play.ask(b"x", service=name)
        play.reply(b"w", b"done")
        play.say(b"w", DialectVerb.DISCONNECT)
    play.pass_time(0.5)
    assert len(play.broker.ledger.services) <= MOST
    check(play)
