"""Workers with habits of their own: what other people's programs do beside the RFCs."""

from __future__ import annotations

import pytest
from support.majordomo import Play

from zmqdev.broker.token import Tokens
from zmqdev.wire.dialect import MAJORTOMO, MDP_01, MDP_02, PPP, PPP_TEXT, REQ, Dialect, DialectVerb

PIRATES = [PPP, PPP_TEXT]
ALL = [MDP_01, MDP_02, MAJORTOMO, *PIRATES, REQ]
named = pytest.mark.parametrize("dialect", ALL, ids=lambda row: row.name)


def asked(dialect: Dialect, **changes: object) -> tuple[Play, bytes]:
    """A worker `w` with a request, and the token of that."""
    play = Play(service="echo", **changes)
    play.ready(b"w", dialect=dialect)
    play.ask(b"hello")
    return play, play.token(b"w", dialect)


@named
def test_the_token_survives_a_worker_that_keeps_it_as_a_c_string(dialect: Dialect) -> None:
    """The Guide's C++ keeps `(char *) frame.c_str()`."""
    play, token = asked(dialect)
    kept = token.split(b"\0")[0].strip()
    play.reply(b"w", b"bye", token=kept, dialect=dialect)
    assert play.replies_to() == [[b"", b"MDPC01", b"echo", b"bye"]]


@named
def test_a_reply_without_the_empty_frame_is_taken(dialect: Dialect) -> None:
    """The Guide's PHP wraps the address with no delimiter."""
    play, token = asked(dialect)
    play.say(b"w", DialectVerb.FINAL, token, b"bye", b"more", dialect=dialect)
    assert play.replies_to() == [[b"", b"MDPC01", b"echo", b"bye", b"more"]]
    assert play.counts["malformed_workers"] == 0
    play.ask(b"again")
    assert len(play.work_of(b"w", dialect)) == 2


@named
def test_a_reply_of_one_empty_frame_without_the_empty_frame_is_taken(dialect: Dialect) -> None:
    play, token = asked(dialect)
    play.say(b"w", DialectVerb.FINAL, token, b"", dialect=dialect)
    assert play.replies_to() == [[b"", b"MDPC01", b"echo", b""]]


@pytest.mark.parametrize("dialect", [MDP_02, MAJORTOMO], ids=lambda row: row.name)
def test_partial_replies_without_the_empty_frame_are_taken(dialect: Dialect) -> None:
    play, token = asked(dialect)
    play.say(b"w", DialectVerb.PARTIAL, token, b"one", dialect=dialect)
    play.say(b"w", DialectVerb.FINAL, token, b"two", dialect=dialect)
    assert play.replies_to() == [[b"", b"MDPC01", b"echo", b"one", b"two"]]


@named
def test_a_late_reply_without_the_empty_frame_is_late(dialect: Dialect) -> None:
    play, token = asked(dialect, busy_timeout=0.1, max_attempts=1)
    play.pass_time(1.0)
    play.say(b"w", DialectVerb.FINAL, token, b"late", dialect=dialect)
    assert play.counts["late"] == 1
    assert play.counts["malformed_workers"] == 0
    play.ask(b"again")
    assert len(play.work_of(b"w", dialect)) == 2


@pytest.mark.parametrize("dialect", [MDP_01, MDP_02, MAJORTOMO], ids=lambda row: row.name)
def test_a_reply_to_a_name_that_is_not_ours_is_invalid_still(dialect: Dialect) -> None:
    play, _ = asked(dialect)
    play.say(b"w", DialectVerb.FINAL, b"client", b"bye", dialect=dialect)
    assert play.replies_to() == []
    assert play.counts["expelled"] == 1


def test_pirates_that_speak_in_words_get_words_back() -> None:
    """The Guide's C++, PHP, Lua, Tcl: READY and HEARTBEAT as text."""
    play = Play(service="echo", heartbeat=1.0)
    play.worker(b"w", b"READY")
    play.pass_time(2.5)
    assert [b"w", b"HEARTBEAT"] in play.sent_to_workers
    play.worker(b"w", b"HEARTBEAT")
    play.ask(b"hello")
    [work] = play.work_of(b"w", PPP_TEXT)
    play.worker(b"w", *work)
    assert play.replies_to() == [[b"", b"MDPC01", b"echo", b"hello"]]


def test_the_two_kinds_of_pirates_work_side_by_side() -> None:
    play = Play(service="echo")
    play.worker(b"a", b"READY")
    play.worker(b"b", b"\x01")
    play.ask(b"1")
    play.ask(b"2")
    assert len(play.work_of(b"a", PPP_TEXT)) == len(play.work_of(b"b", PPP)) == 1


@pytest.mark.parametrize("hello", [b"READY", b"\x01", b"Hi Boss", b""], ids=repr)
def test_a_req_worker_is_ready_with_its_first_message(hello: bytes) -> None:
    """lruqueue, lbbroker, spqueue: whatever one frame a REQ sends first."""
    play = Play(service="echo")
    play.worker(b"w", b"", hello)
    for number in range(3):
        play.ask(b"%d" % number)
        token, *rest = play.work_of(b"w", REQ)[-1]
        assert rest == [b"", b"%d" % number]
        play.worker(b"w", b"", token, b"", b"done")
    assert len(play.replies_to()) == 3


def test_a_req_worker_gets_nothing_but_requests() -> None:
    """It would take a heartbeat for one. It is not gone when it is silent."""
    play = Play(service="echo", heartbeat=0.2)
    play.worker(b"w", b"", b"READY")
    play.pass_time(5.0)
    play.broker.connection_lost(play.now)
    play.collect()
    assert play.sent_to_workers == []
    play.ask(b"hello")
    play.pass_time(5.0)
    assert len(play.sent_to_workers) == 1
    assert play.counts["silent"] == 0


def test_a_busy_req_worker_is_probed_with_what_every_req_skips() -> None:
    play, _ = asked(REQ)
    play.broker.connection_lost(play.now)
    [probe] = play.broker.commands_for_workers()
    assert probe == [b"w", b"\0\0\0\0", b"", b""]
    play.broker.worker_refused(probe, True, play.now)
    assert play.counts["lost"] == 1
    play.worker(b"other", b"", b"READY")
    assert len(play.work_of(b"other", REQ)) == 1


def test_a_req_worker_that_says_ready_again_has_lost_its_request() -> None:
    play, _ = asked(REQ)
    play.worker(b"w", b"", b"READY")
    assert len(play.work_of(b"w", REQ)) == 2
    assert play.counts["redispatched"] == 1


def test_a_req_worker_that_answers_the_last_run_of_the_queue_waits_for_work() -> None:
    play = Play(service="echo")
    play.worker(b"w", b"", Tokens(b"other").make(1), b"", b"stale")
    assert play.counts["late"] == 1
    play.ask(b"hello")
    assert len(play.work_of(b"w", REQ)) == 1


def test_a_req_worker_that_answers_somebody_else_does_not_hang_and_ends_as_a_dead_letter() -> None:
    play, _ = asked(REQ, max_attempts=3)
    for _ in range(3):
        play.worker(b"w", b"", b"somebody", b"", b"bye")
    assert len(play.work_of(b"w", REQ)) == 3
    assert play.counts["dead_letters"] == 1
    play.ask(b"next")
    assert len(play.work_of(b"w", REQ)) == 4


def test_a_majordomo_client_at_the_workers_side_is_no_worker() -> None:
    play = Play()
    play.worker(b"c", b"", b"MDPC01", b"echo", b"hello")
    play.worker(b"c", b"", b"MDPC01")
    assert play.counts["registered"] == 0
    assert play.counts["malformed_workers"] == 2
