"""Ordinary REP and DEALER workers behind a DEALER."""

from __future__ import annotations

from typing import Any

from support.majordomo import Play


def plain(workers: int = 1, **changes: Any) -> Play:
    play = Play(workers="plain", service="echo", **changes)
    play.broker.connections(workers, play.now)
    return play


def given_out(play: Play) -> list[list[bytes]]:
    play.collect()
    sent, play.sent_to_workers = play.sent_to_workers, []
    return sent


def test_the_client_address_is_replaced_by_a_token() -> None:
    play = plain()
    play.client(b"client", b"\x01\x02\x03\x04", b"", b"hello")
    [[token, delimiter, body]] = given_out(play)
    assert (delimiter, body) == (b"", b"hello")
    play.worker(token, b"", b"reply")
    assert play.replies_to() == [[b"\x01\x02\x03\x04", b"", b"reply"]]


def test_no_more_is_in_flight_than_workers_can_take() -> None:
    play = plain(workers=2, concurrency=3)
    for number in range(10):
        play.ask(b"%d" % number)
    sent = given_out(play)
    assert len(sent) == 6
    play.worker(sent[0][0], b"", b"done")
    assert len(given_out(play)) == 1


def test_requests_wait_until_a_worker_is_there() -> None:
    play = plain(workers=0)
    play.ask(b"1")
    assert given_out(play) == []
    play.broker.connections(1, play.now)
    assert len(given_out(play)) == 1


def test_a_request_without_reply_in_time_is_given_out_again() -> None:
    play = plain(workers=2, busy_timeout=1.0)
    play.ask(b"1")
    [first] = given_out(play)
    play.pass_time(1.3)
    [second] = given_out(play)
    assert second == first
    assert (play.counts["overran"], play.counts["redispatched"]) == (1, 1)


def test_the_first_reply_counts_and_the_second_is_late() -> None:
    play = plain(workers=2, busy_timeout=1.0)
    play.ask(b"1")
    [[token, *_]] = given_out(play)
    play.pass_time(1.3)
    play.worker(token, b"", b"slow but first")
    play.worker(token, b"", b"second")
    assert [reply[-1] for reply in play.replies_to()] == [b"slow but first"]
    assert play.counts["late"] == 1
    assert play.broker.is_empty()


def test_a_late_reply_answers_a_request_that_is_queued_again() -> None:
    play = plain(workers=1, busy_timeout=1.0)
    play.ask(b"1")
    [[token, *_]] = given_out(play)
    play.broker.connections(0, play.now)
    play.pass_time(1.3)
    assert play.broker.report(play.now).queued == 1
    play.worker(token, b"", b"done")
    assert [reply[-1] for reply in play.replies_to()] == [b"done"]
    assert play.broker.is_empty()


def test_a_request_that_no_worker_could_take_waits_for_room_and_costs_no_attempt() -> None:
    play = plain(workers=1, max_attempts=1)
    play.ask(b"1")
    [message] = given_out(play)
    play.broker.worker_refused(message, False, play.now)
    assert play.broker.wants_room
    assert given_out(play) == []
    play.broker.room(play.now)
    assert len(given_out(play)) == 1
    assert not play.broker.wants_room


def test_a_request_that_nobody_answers_becomes_a_dead_letter() -> None:
    play = plain(workers=1, busy_timeout=1.0, max_attempts=3)
    play.ask(b"1")
    play.pass_time(5)
    assert len(given_out(play)) == 3
    assert [letter.attempts for letter in play.broker.take_letters()] == [3]


def test_the_absence_of_the_broker_overruns_nothing() -> None:
    play = plain(busy_timeout=1.0)
    play.ask(b"1")
    play.now += 3600
    play.broker.tick(play.now)
    assert play.counts["overran"] == 0


def test_what_is_no_reply_is_counted() -> None:
    play = plain()
    play.ask(b"1")
    for frames in ([], [b""], [b"x", b"y", b"z"], [b"token", b""], [b"token", b"", b"body"]):
        play.worker(*frames)
    assert play.counts["malformed_workers"] == 5
    assert play.replies_to() == []


def test_other_services_have_no_plain_workers() -> None:
    play = plain(unknown_expiry=2.0)
    play.ask(b"1", service=b"other")
    assert given_out(play) == []
    play.ask(b"echo", service=b"mmi.service")
    play.ask(b"other", service=b"mmi.service")
    assert [reply[-1] for reply in play.replies_to()] == [b"200", b"404"]
    play.pass_time(3)
    assert play.counts["expired"] == 1


def test_a_stop_ends_what_is_left() -> None:
    play = plain()
    play.ask(b"1")
    play.ask(b"2")
    assert play.broker.stop() == 2
    assert play.broker.is_empty()


def test_a_worker_cannot_answer_a_request_that_it_never_got() -> None:
    """It knows the tokens of its own, and counts on."""
    play = Play(workers="plain", concurrency=20)
    play.broker.connections(1, play.now)
    for number in range(20):
        play.client(b"client", b"", b"%d" % number)
    mine, *others = [frames[0] for frames in play.sent_to_workers]
    number = int(mine[10:-10], 16)
    for guess in range(number + 1, number + 20):
        play.worker(mine[:10] + b"%x" % guess + mine[-10:], b"", b"forged")
    assert play.replies_to() == []
    assert play.counts["late"] == 19
    play.worker(others[0], b"", b"the one that has it")
    assert len(play.replies_to()) == 1
