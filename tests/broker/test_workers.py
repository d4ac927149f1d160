"""Workers that speak a protocol: who gets what, who is ready, who is gone."""

from __future__ import annotations

import pytest
from support.majordomo import Play

from zmqdev.broker.token import Tokens
from zmqdev.wire.dialect import MAJORTOMO, MDP_01, MDP_02, PPP, PPP_TEXT, REQ, Dialect, DialectVerb

DIALECTS = [MDP_01, MDP_02, MAJORTOMO, PPP, PPP_TEXT, REQ]
BEATING = [row for row in DIALECTS if row.beats]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda row: row.name)
def test_a_request_goes_to_a_worker_and_its_reply_back(dialect: Dialect) -> None:
    play = Play(service="echo")
    play.ready(b"w", dialect=dialect)
    play.ask(b"hello", b"you")
    [work] = play.work_of(b"w", dialect)
    assert work[1:] == [b"", b"hello", b"you"]
    play.reply(b"w", b"bye", token=work[0], dialect=dialect)
    assert play.replies_to() == [[b"", b"MDPC01", b"echo", b"bye"]]
    assert play.broker.is_empty()


def test_the_least_recently_used_ready_worker_is_next() -> None:
    play = Play()
    for name in (b"a", b"b", b"c"):
        play.ready(name)
    play.ask(b"1")
    play.reply(b"a", b"x")
    for number in (b"2", b"3", b"4"):
        play.ask(number)
    assert [play.work_of(name)[-1][2] for name in (b"b", b"c", b"a")] == [b"2", b"3", b"4"]


def test_a_worker_works_on_one_request_at_a_time() -> None:
    play = Play()
    play.ready(b"w")
    play.ask(b"1")
    play.ask(b"2")
    assert len(play.work_of(b"w")) == 1
    play.reply(b"w", b"done")
    assert [work[2] for work in play.work_of(b"w")] == [b"1", b"2"]


@pytest.mark.parametrize("dialect", BEATING, ids=lambda row: row.name)
def test_a_heartbeat_never_makes_a_busy_worker_ready(dialect: Dialect) -> None:
    play = Play(service="echo")
    play.ready(b"w", dialect=dialect)
    play.ask(b"1")
    play.ask(b"2")
    play.say(b"w", DialectVerb.HEARTBEAT, dialect=dialect)
    assert len(play.work_of(b"w", dialect)) == 1


def test_services_have_queues_and_workers_of_their_own() -> None:
    play = Play()
    play.ready(b"a", service=b"alpha")
    play.ready(b"b", service=b"beta")
    play.ask(b"1", service=b"beta")
    play.ask(b"2", service=b"gamma")
    assert play.work_of(b"a") == []
    assert [work[2] for work in play.work_of(b"b")] == [b"1"]
    gamma = next(s for s in play.broker.report(play.now).services if s.name == "gamma")
    assert (gamma.queued, gamma.workers) == (1, 0)


def test_the_request_of_a_worker_that_leaves_goes_to_another_first() -> None:
    play = Play()
    play.ready(b"a")
    play.ask(b"first")
    play.ask(b"second")
    play.say(b"a", DialectVerb.DISCONNECT)
    play.ready(b"b")
    assert [work[2] for work in play.work_of(b"b")] == [b"first"]
    play.reply(b"b", b"x")
    assert [work[2] for work in play.work_of(b"b")] == [b"first", b"second"]
    assert play.counts["redispatched"] == 1


def test_requests_that_come_back_keep_their_order() -> None:
    play = Play()
    for name in (b"a", b"b", b"c"):
        play.ready(name)
    for number in (b"1", b"2", b"3", b"4"):
        play.ask(number)
    for name in (b"b", b"c", b"a"):
        play.say(name, DialectVerb.DISCONNECT)
    play.ready(b"d")
    for _ in range(4):
        play.reply(b"d", b"x")
    assert [work[2] for work in play.work_of(b"d")] == [b"1", b"2", b"3", b"4"]


def test_a_worker_whose_connection_ended_is_found_by_a_probe() -> None:
    play = Play()
    play.ready(b"a")
    play.ready(b"b")
    play.ask(b"1")
    play.broker.connection_lost(play.now)
    probes = play.broker.commands_for_workers()
    assert [frames[0] for frames in probes] == [b"a", b"b"]
    assert all(
        MDP_01.verb_of(frames, 1, DialectVerb.REQUEST) is DialectVerb.HEARTBEAT for frames in probes
    )
    play.broker.worker_refused(probes[0], True, play.now)
    play.collect()
    assert [work[2] for work in play.work_of(b"b")] == [b"1"]
    assert play.counts["lost"] == 1


def test_a_request_that_never_left_costs_no_attempt() -> None:
    play = Play(max_attempts=1)
    play.ready(b"a")
    play.ask(b"1")
    play.broker.worker_refused(play.sent_to_workers[-1], True, play.now)
    play.ready(b"b")
    assert [work[2] for work in play.work_of(b"b")] == [b"1"]
    assert play.counts["redispatched"] == 0


def test_a_worker_that_does_not_read_loses_its_request_but_not_for_a_heartbeat() -> None:
    play = Play()
    play.ready(b"a")
    play.ask(b"1")
    pulse = [b"a", *MDP_01.frames(DialectVerb.HEARTBEAT)]
    play.broker.worker_refused(pulse, False, play.now)
    assert play.broker.report(play.now).in_flight == 1
    play.broker.worker_refused(play.sent_to_workers[-1], False, play.now)
    assert play.broker.report(play.now).queued == 1


def test_a_silent_worker_is_given_up_after_three_heartbeats() -> None:
    play = Play()
    play.ready(b"frozen")
    play.ready(b"alive")
    play.ask(b"1")
    play.pass_time(2.9, alive=(b"alive",))
    assert play.work_of(b"alive") == []
    play.pass_time(0.5, alive=(b"alive",))
    assert [work[2] for work in play.work_of(b"alive")] == [b"1"]
    assert play.counts["silent"] == 1


def test_workers_of_one_thread_may_be_silent_while_they_work_when_that_is_allowed() -> None:
    play = Play(silent_while_busy=True, busy_timeout=30.0)
    play.ready(b"w")
    play.ask(b"1")
    play.pass_time(20)
    play.reply(b"w", b"done")
    assert len(play.replies_to()) == 1


def test_idle_workers_get_heartbeats_and_busy_ones_too() -> None:
    play = Play()
    play.ready(b"idle", service=b"other")
    play.ready(b"busy")
    play.ask(b"1")
    play.pass_time(10, alive=(b"idle", b"busy"))
    assert play.verbs_to(b"idle").count(DialectVerb.HEARTBEAT) >= 8
    assert play.verbs_to(b"busy").count(DialectVerb.HEARTBEAT) >= 8


def test_each_protocol_has_its_own_heartbeat_when_none_is_set() -> None:
    play = Play(heartbeat=0.0, service="echo")
    play.ready(b"pirate", dialect=PPP)
    play.ready(b"majordomo")
    play.pass_time(4)
    assert [service.workers for service in play.broker.report(play.now).services] == [1]
    play.pass_time(4)
    assert play.counts["silent"] == 2


def test_a_slow_worker_loses_its_request_and_is_ready_again_after_its_late_reply() -> None:
    play = Play(busy_timeout=5.0)
    play.ready(b"slow")
    play.ready(b"other")
    play.ask(b"1")
    late = play.token(b"slow")
    play.pass_time(5.5, alive=(b"slow", b"other"))
    assert [work[2] for work in play.work_of(b"other")] == [b"1"]
    play.ask(b"2")
    assert len(play.work_of(b"slow")) == 1, "it still works on the first"
    play.reply(b"slow", b"late", token=late)
    assert play.replies_to() == []
    assert play.counts["late"] == 1
    assert [work[2] for work in play.work_of(b"slow")] == [b"1", b"2"]


def test_a_reply_is_taken_only_from_the_worker_that_has_the_request() -> None:
    play = Play()
    play.ready(b"owner")
    play.ready(b"thief")
    play.ask(b"1")
    token = play.token(b"owner")
    play.reply(b"thief", b"stolen", token=token)
    assert play.replies_to() == []
    play.reply(b"owner", b"mine", token=token)
    assert [reply[-1] for reply in play.replies_to()] == [b"mine"]


def test_a_second_reply_is_dropped_and_counted() -> None:
    play = Play()
    play.ready(b"w")
    play.ask(b"1")
    token = play.token(b"w")
    play.reply(b"w", b"once", token=token)
    play.reply(b"w", b"twice", token=token)
    assert [reply[-1] for reply in play.replies_to()] == [b"once"]
    assert play.counts["late"] == 1
    play.ask(b"2")
    assert len(play.work_of(b"w")) == 2


def test_a_reply_with_a_token_of_another_run_of_the_queue_is_not_taken() -> None:
    play, restarted = Play(), Play()
    restarted.broker.ledger.tokens = Tokens(b"another")
    play.ready(b"w")
    play.ask(b"1")
    restarted.ready(b"w")
    restarted.ask(b"2")
    restarted.reply(b"w", b"stale", token=play.token(b"w"))
    assert restarted.replies_to() == []


@pytest.mark.parametrize("dialect", [MDP_01, MDP_02, MAJORTOMO], ids=lambda row: row.name)
def test_majordomo_strangers_are_told_to_disconnect(dialect: Dialect) -> None:
    play = Play()
    play.say(b"x", DialectVerb.HEARTBEAT, dialect=dialect)
    play.say(b"y", DialectVerb.FINAL, b"token", b"", b"body", dialect=dialect)
    play.say(b"z", DialectVerb.DISCONNECT, dialect=dialect)
    assert play.verbs_to(b"x", dialect) == [DialectVerb.DISCONNECT]
    assert play.verbs_to(b"y", dialect) == [DialectVerb.DISCONNECT]
    assert play.verbs_to(b"z", dialect) == []


def test_a_second_ready_of_majordomo_ends_the_worker_and_frees_its_request() -> None:
    play = Play()
    play.ready(b"w")
    play.ask(b"1")
    play.ready(b"w")
    assert play.verbs_to(b"w")[-1] is DialectVerb.DISCONNECT
    play.ready(b"w")
    assert [work[2] for work in play.work_of(b"w")] == [b"1", b"1"]


def test_a_second_ready_of_a_pirate_starts_again_and_frees_its_request() -> None:
    play = Play(service="echo")
    play.ready(b"w", dialect=PPP)
    play.ask(b"1")
    play.ready(b"w", dialect=PPP)
    assert [work[2] for work in play.work_of(b"w", PPP)] == [b"1", b"1"]


@pytest.mark.parametrize("service", [b"mmi.service", b"mmi.", b"mmi.other"])
def test_a_worker_must_not_register_a_service_of_the_broker(service: bytes) -> None:
    play = Play()
    play.ready(b"w", service=service)
    assert play.verbs_to(b"w") == [DialectVerb.DISCONNECT]
    assert play.counts["registered"] == 0


def test_a_worker_that_breaks_the_protocol_is_expelled_and_its_request_goes_on() -> None:
    play = Play()
    play.ready(b"w")
    play.ask(b"1")
    play.worker(b"w", b"", b"MDPW01", b"\x63")
    assert play.verbs_to(b"w")[-1] is DialectVerb.DISCONNECT
    play.ready(b"other")
    assert [work[2] for work in play.work_of(b"other")] == [b"1"]
    assert play.counts["expelled"] == 1


def test_no_worker_is_given_up_for_the_absence_of_the_broker() -> None:
    play = Play(busy_timeout=5.0)
    play.ready(b"a")
    play.ready(b"b")
    play.ask(b"1")
    play.now += 3600  # the broker itself was stopped
    play.broker.tick(play.now)
    play.pass_time(1.0)
    play.collect()
    assert play.counts["silent"] == 0
    assert play.counts["overran"] == 0
    play.reply(b"a", b"done")
    assert len(play.replies_to()) == 1


def test_after_its_absence_the_broker_gives_up_who_is_silent_then() -> None:
    play = Play()
    play.ready(b"a")
    play.now += 3600
    play.broker.tick(play.now)
    play.pass_time(4.0)
    assert play.counts["silent"] == 1


def test_partial_replies_reach_a_client_that_knows_them_together_with_the_final_one() -> None:
    play = Play()
    play.ready(b"w", dialect=MDP_02)
    play.client(b"c", b"MDPC02", b"\x01", b"echo", b"go")
    token = play.token(b"w", MDP_02)
    play.say(b"w", DialectVerb.PARTIAL, token, b"", b"one", dialect=MDP_02)
    assert play.replies_to(b"c") == []
    play.reply(b"w", b"end", token=token, dialect=MDP_02)
    assert play.replies_to(b"c") == [
        [b"MDPC02", b"\x02", b"echo", b"one"],
        [b"MDPC02", b"\x03", b"echo", b"end"],
    ]


def test_the_partial_replies_of_a_dead_worker_are_forgotten() -> None:
    play = Play()
    play.ready(b"w", dialect=MDP_02)
    play.client(b"c", b"MDPC02", b"\x01", b"echo", b"go")
    play.say(b"w", DialectVerb.PARTIAL, play.token(b"w", MDP_02), b"", b"old", dialect=MDP_02)
    play.say(b"w", DialectVerb.DISCONNECT, dialect=MDP_02)
    play.ready(b"v", dialect=MDP_02)
    play.reply(b"v", b"end", token=play.token(b"v", MDP_02), dialect=MDP_02)
    assert play.replies_to(b"c") == [[b"MDPC02", b"\x03", b"echo", b"end"]]
    assert play.broker.report(play.now).bytes == 0


def test_a_client_without_partial_replies_gets_one_with_all_frames() -> None:
    play = Play()
    play.ready(b"w", dialect=MDP_02)
    play.ask(b"go")
    token = play.token(b"w", MDP_02)
    play.say(b"w", DialectVerb.PARTIAL, token, b"", b"one", dialect=MDP_02)
    play.reply(b"w", b"two", token=token, dialect=MDP_02)
    assert play.replies_to() == [[b"", b"MDPC01", b"echo", b"one", b"two"]]


def test_a_streamed_request_is_not_answered_twice_when_its_worker_dies() -> None:
    play = Play(stream_partials=True)
    play.ready(b"w", dialect=MDP_02)
    play.ready(b"v", dialect=MDP_02)
    play.client(b"c", b"MDPC02", b"\x01", b"echo", b"go")
    play.say(b"w", DialectVerb.PARTIAL, play.token(b"w", MDP_02), b"", b"one", dialect=MDP_02)
    play.say(b"w", DialectVerb.DISCONNECT, dialect=MDP_02)
    assert play.replies_to(b"c") == [[b"MDPC02", b"\x02", b"echo", b"one"]]
    assert play.work_of(b"v", MDP_02) == []
    assert [letter.reason for letter in play.broker.take_letters()] == ["broken-off"]


def test_partial_replies_without_end_do_not_fill_the_memory() -> None:
    play = Play(max_bytes=1000)
    play.ready(b"w", dialect=MDP_02)
    play.client(b"c", b"MDPC02", b"\x01", b"echo", b"go")
    token = play.token(b"w", MDP_02)
    for _ in range(100):
        play.say(b"w", DialectVerb.PARTIAL, token, b"", b"x" * 100, dialect=MDP_02)
    assert play.broker.report(play.now).bytes == 0
    assert [letter.reason for letter in play.broker.take_letters()] == ["too-large"]
