"""A queue that keeps its requests: what is written, when it is said, what comes back."""

from __future__ import annotations

from support.durable_play import ID, OTHER, WALL, Durable, kept
from support.majordomo import Play

from zmqdev.broker.record import FULL, Settled
from zmqdev.wire import call
from zmqdev.wire.dialect import DialectVerb
from zmqdev.wire.majordomo import request_01


def test_kept_is_said_after_the_commit_and_not_before() -> None:
    play = Durable()
    play.post()
    assert play.replies_to(b"c") == []
    play.commit()
    assert play.replies_to(b"c") == [kept()]
    assert [record.body for record in play.disk.requests.values()] == [(b"body",)]


def test_a_call_is_written_and_nothing_is_said_of_it() -> None:
    play = Durable()
    play.post(mark=call.CALL)
    play.ask(b"no id")
    play.commit()
    assert len(play.disk.requests) == 2
    assert play.sent_to_clients == []


def test_what_is_answered_before_its_group_is_never_written() -> None:
    play = Durable()
    play.ready(b"w")
    play.ask(b"quick")
    play.reply(b"w", b"done")
    assert play.broker.records_due() == float("inf")
    assert play.counts["elided"] == 1


def test_a_post_answered_at_once_is_kept_by_its_answer() -> None:
    play = Durable()
    play.ready(b"w")
    play.post()
    play.reply(b"w", b"done")
    reply = [call.POST, ID, b"", b"MDPC01", b"echo", b"done"]
    assert play.replies_to(b"c") == [reply]
    play.commit()
    assert play.replies_to(b"c") == [reply, kept()]
    assert play.disk.requests == {}
    play.collect_reply()
    play.commit()
    assert play.replies_to(b"collector") == [kept(), [call.COLLECT, ID, b"", b"done"]]


def test_after_a_crash_a_kept_request_is_worked_on_and_its_reply_collected() -> None:
    play = Durable()
    play.post()
    play.commit()
    again = play.died()
    again.ready(b"w")
    assert [frames[2:] for frames in again.work_of(b"w")] == [[b"body"]]
    again.reply(b"w", b"done")
    assert again.sent_to_clients == [], "the address of its client is of an earlier run"
    again.commit()
    assert again.disk.requests == {}
    again.collect_reply()
    again.commit()
    assert again.replies_to(b"collector") == [kept(), [call.COLLECT, ID, b"", b"done"]]
    assert again.counts["restored"] == 1


def test_who_collects_before_there_is_a_reply_waits_for_it() -> None:
    play = Durable()
    play.post()
    play.commit()
    again = play.died()
    again.collect_reply()
    again.ready(b"w")
    again.reply(b"w", b"done")
    assert again.replies_to(b"collector")[-1] == [call.COLLECT, ID, b"", b"done"]


def test_an_id_that_the_queue_does_not_know_is_said_to_be_unknown() -> None:
    play = Durable()
    play.collect_reply()
    play.commit()
    assert play.replies_to(b"collector")[0][3] == b"unknown"


def test_a_retry_after_a_crash_is_the_request_that_was_kept() -> None:
    play = Durable()
    play.post(mark=call.CALL)
    play.commit()
    again = play.died()
    again.post(mark=call.AGAIN, client=b"new")
    again.ready(b"w")
    again.reply(b"w", b"done")
    assert len(again.work_of(b"w")) == 1
    assert again.replies_to(b"new")[-1] == [call.AGAIN, ID, b"", b"MDPC01", b"echo", b"done"]


def test_a_retry_of_what_has_ended_gets_the_reply_and_no_worker() -> None:
    play = Durable()
    play.ready(b"w")
    play.post()
    play.reply(b"w", b"done")
    play.commit()
    play.post(mark=call.AGAIN, client=b"new")
    assert len(play.work_of(b"w")) == 1
    play.commit()
    assert play.replies_to(b"new") == [
        kept(),
        [call.AGAIN, ID, b"", b"MDPC01", b"echo", b"done"],
    ]
    assert len(play.work_of(b"w")) == 1


def test_a_retry_that_the_store_does_not_know_goes_to_a_worker_then() -> None:
    play = Durable()
    play.ready(b"w")
    play.post(mark=call.AGAIN)
    assert play.work_of(b"w") == []
    play.commit()
    assert len(play.work_of(b"w")) == 1


def test_a_kept_request_outlives_its_clients_connection() -> None:
    play = Durable()
    gone = b"\0\1\2\3\4"
    play.post(client=gone)
    play.ask(b"not posted", client=gone)
    play.commit()
    play.broker.client_refused([[gone, b"", b"x"]], True, play.now)
    play.ready(b"w")
    assert [frames[2:] for frames in play.work_of(b"w")] == [[b"body"]]
    play.reply(b"w", b"done")
    assert play.counts["abandoned"] == 1


def test_a_kept_request_counts_for_no_client_and_pays_for_nobodys_room() -> None:
    play = Durable(client_requests=1, max_requests=6)
    for number in range(3):
        play.post(b"an id of number %d" % number)
        play.commit()
    assert play.counts["kept"] == 3
    play.post(OTHER)
    assert play.replies_to(b"c")[-1][3] == b"full"
    assert play.counts["evicted"] == 0


def test_the_next_one_with_a_routing_id_gets_no_reply_to_a_kept_request() -> None:
    play = Durable()
    play.post(client=b"alice")
    play.post(OTHER, client=b"\0\1\2\3\4")
    play.commit()
    assert play.broker.holds(b"alice")
    play.broker.void(b"alice", play.now)
    assert not play.broker.holds(b"alice")
    play.ready(b"w")
    play.reply(b"w", b"done")
    assert play.replies_to(b"alice") == [kept()]


def test_a_stop_leaves_what_is_kept_and_ends_the_rest() -> None:
    play = Durable()
    play.post()
    play.post(OTHER, mark=call.CALL)
    play.commit()
    assert play.broker.stop() == 1
    play.commit()
    assert [record.call for record in play.disk.requests.values()] == [ID]
    assert play.counts["unanswered"] == 1


def test_when_the_store_is_full_posts_are_refused_and_calls_go_on() -> None:
    play = Durable()
    play.store.refuses = FULL
    play.post()
    play.commit()
    assert play.replies_to(b"c")[-1][3] == FULL.encode()
    play.post(OTHER)
    assert play.replies_to(b"c")[-1][1:4:2] == [OTHER, FULL.encode()]
    play.ready(b"w")
    play.ask(b"a call")
    play.reply(b"w", b"done")
    assert play.replies_to()[-1][-1] == b"done"


def test_after_a_full_store_posts_are_taken_again() -> None:
    play = Durable()
    play.store.refuses = FULL
    play.post()
    play.commit()
    play.store.refuses = ""
    play.now += 0.6
    play.post(OTHER)
    play.commit()
    assert play.replies_to(b"c")[-1] == kept(OTHER)


def test_what_ended_and_cannot_be_written_yet_is_not_unknown() -> None:
    play = Durable()
    play.post()
    play.commit()
    play.ready(b"w")
    play.reply(b"w", b"done")
    play.collect_reply()
    play.now += 1
    group = play.broker.take_records(play.now, WALL + play.now)
    play.broker.settled(Settled(group, FULL, unwritten=True), play.now)
    play.collect()
    assert play.replies_to(b"collector") == []
    play.commit()
    assert play.replies_to(b"collector")[-1] == [call.COLLECT, ID, b"", b"done"]


def test_attempts_are_counted_over_a_crash() -> None:
    play = Durable(max_attempts=2)
    play.post()
    play.commit()
    play.ready(b"w")
    play.say(b"w", DialectVerb.DISCONNECT)
    play.commit()
    again = play.died()
    assert [request.attempts for request in again.broker.ledger.open.values()] == [1]


def test_a_dead_letter_is_written_and_its_poster_may_know() -> None:
    play = Durable(max_attempts=1)
    play.post()
    play.commit()
    play.ready(b"w")
    play.say(b"w", DialectVerb.DISCONNECT)
    play.commit()
    assert [dead.reason for dead in play.disk.dead.values()] == ["attempts"]
    assert play.disk.requests == {}
    play.collect_reply()
    play.commit()
    assert play.replies_to(b"collector")[-1][3] == b"dead-letter"


def test_without_a_store_a_post_is_refused() -> None:
    play = Play()
    play.client(b"c", *call.wrap(ID, request_01(b"echo", [b"body"]), call.POST))
    assert play.replies_to(b"c")[-1][3] == b"no-store"


def test_commits_are_limited_and_the_first_is_not_delayed() -> None:
    play = Durable(commit_within=0.5)
    play.post()
    assert play.broker.records_due() <= play.now
    play.post(OTHER)
    play.commit()
    play.post(b"one more of them")
    assert play.broker.records_due() == play.now + 0.5


def test_when_as_many_wait_as_for_the_last_commit_it_is_not_delayed() -> None:
    """They are likely all that there are. The store rests as long as it worked."""
    play = Durable(commit_within=0.5)
    play.post()
    play.post(OTHER)
    group = play.broker.take_records(play.now, WALL + play.now)
    play.broker.settled(Settled(group, seconds=0.125), play.now)
    play.post(b"one more of them")
    assert play.broker.records_due() == play.now + 0.5
    play.post(b"the last of them")
    assert play.broker.records_due() == play.now + 0.125
