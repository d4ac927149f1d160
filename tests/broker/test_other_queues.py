"""Several queues over one store: what another one has, what it leaves, a store that is away."""

from __future__ import annotations

from support.durable_play import ID, OTHER, WALL, Durable, kept

from zmqdev.broker.record import AWAY, Answer, Kept, Settled
from zmqdev.wire import call

# As a reply is kept: the frames behind the protocol's own.
REPLY = (b"done",)


def failed(play: Durable, client: bytes) -> list[str]:
    found = [frames for frames in play.replies_to(client) if frames[0] == call.FAILED]
    return [frames[3].decode() for frames in found]


def record(id: bytes = ID, key: int = 5) -> Kept:
    return Kept(key, id, b"echo", WALL, 0, (b"body",))


def adopt(play: Durable, *records: Kept) -> None:
    """The store has taken over what another queue had."""
    play.broker.settled(Settled(None, adopted=records, lease=play.now + 5), play.now)
    play.collect()


def test_a_retry_of_what_another_queue_has_waits_for_its_reply() -> None:
    play = Durable()
    play.ready(b"w")
    play.store.others = {ID}
    play.post(mark=call.AGAIN)
    play.commit()
    assert play.replies_to(b"c") == [kept()]
    assert play.work_of(b"w") == []
    play.store.others = set()
    play.disk.answers[ID] = Answer(ID, WALL + 1e6, "", REPLY)
    play.now += 1
    play.commit()
    assert play.replies_to(b"c") == [
        kept(),
        kept(),
        [call.AGAIN, ID, b"", b"MDPC01", b"echo", *REPLY],
    ]


def test_it_is_asked_for_again_after_a_pause_and_not_before() -> None:
    play = Durable()
    play.store.others = {ID}
    play.collect_reply()
    play.commit()
    assert play.broker.records_due() == play.now + 0.1
    play.commit()
    assert play.broker.records_due() == play.now + 0.2
    pauses = []
    for _ in range(20):
        play.now = play.broker.records_due()
        play.commit()
        pauses.append(play.broker.records_due() - play.now)
    assert round(max(pauses), 6) == round(pauses[-1], 6) == 2.0


def test_who_waits_for_it_gets_the_reply_when_it_is_taken_over() -> None:
    play = Durable()
    play.store.others = {ID}
    play.post(mark=call.AGAIN)
    play.collect_reply()
    play.commit()
    adopt(play, record())
    play.ready(b"w")
    assert [frames[2:] for frames in play.work_of(b"w")] == [[b"body"]]
    play.reply(b"w", b"done")
    assert play.replies_to(b"collector")[-1] == [call.COLLECT, ID, b"", b"done"]
    assert play.counts["adopted"] == 1


def test_what_is_taken_over_and_ends_while_the_store_is_asked_is_not_unknown() -> None:
    """The store looked before it ended here, and has its answer with the next group."""
    play = Durable()
    play.ready(b"w")
    play.collect_reply()
    play.now += 1
    group = play.broker.take_records(play.now, WALL + play.now)
    adopt(play, record())
    play.reply(b"w", b"done")
    play.broker.settled(Settled(group), play.now)
    play.collect()
    assert play.replies_to(b"collector") == []
    play.commit()
    assert play.replies_to(b"collector") == [kept(), [call.COLLECT, ID, b"", b"done"]]


def test_what_was_asked_for_before_it_was_taken_over_is_not_unknown() -> None:
    play = Durable()
    play.ready(b"w")
    play.collect_reply()
    adopt(play, record())
    play.now += 1
    group = play.broker.take_records(play.now, WALL + play.now)
    play.reply(b"w", b"done")
    play.broker.settled(Settled(group), play.now)
    play.collect()
    assert play.replies_to(b"collector") == []
    play.commit()
    assert play.replies_to(b"collector") == [kept(), [call.COLLECT, ID, b"", b"done"]]


def test_a_post_that_another_queue_has_is_kept_and_not_executed_here() -> None:
    play = Durable()
    play.store.others = {ID}
    play.post()
    play.commit()
    assert play.replies_to(b"c") == [kept(), kept()]
    play.ready(b"w")
    assert play.work_of(b"w") == []
    assert play.disk.requests == {}


def test_one_that_a_worker_has_here_and_another_queue_left_is_one_request() -> None:
    play = Durable()
    play.ready(b"w")
    play.store.others = {ID}
    play.post()
    play.commit()
    adopt(play, record())
    play.disk.requests[5] = record()
    assert len(play.work_of(b"w")) == 1
    play.reply(b"w", b"done")
    play.commit()
    assert play.disk.requests == {}
    assert play.disk.answers[ID].body[-1] == b"done"
    assert play.broker.is_empty()


def test_one_that_ended_elsewhere_without_a_word_is_not_executed_again() -> None:
    """Its client did not post and has its reply from there; or it asks again by itself."""
    play = Durable()
    play.ready(b"w")
    play.store.others = {ID}
    play.post(mark=call.AGAIN)
    play.commit()
    play.store.others = set()
    play.now += 1
    play.commit()
    assert failed(play, b"c") == ["other-queue"]
    assert play.work_of(b"w") == []


def test_a_store_that_is_away_takes_no_post_and_what_was_kept_goes_on() -> None:
    play = Durable()
    play.post()
    play.commit()
    play.store.refuses = AWAY
    play.post(OTHER)
    play.commit()
    assert failed(play, b"c") == [AWAY]
    play.ready(b"w")
    play.reply(b"w", b"done")
    play.commit()
    assert list(play.disk.requests) == [1]
    play.store.refuses = ""
    play.commit()
    assert play.disk.requests == {}
    assert play.disk.answers[ID].body[-1] == b"done"


def test_news_that_the_store_is_away_refuse_posts_and_news_that_it_is_back_take_them() -> None:
    play = Durable()
    play.broker.settled(Settled(None, AWAY, notices=("away",)), play.now)
    play.post()
    assert failed(play, b"c") == [AWAY]
    assert play.broker.take_notices()[-1] == "away"
    play.broker.settled(Settled(None), play.now)
    play.post(OTHER)
    play.commit()
    assert play.replies_to(b"c")[-1] == kept(OTHER)


def test_who_collects_while_the_store_is_away_waits() -> None:
    play = Durable()
    play.disk.answers[ID] = Answer(ID, WALL + 1e6, "", REPLY)
    play.store.refuses = AWAY
    play.collect_reply()
    play.commit()
    assert play.replies_to(b"collector") == []
    play.store.refuses = ""
    play.commit()
    assert play.replies_to(b"collector") == [kept(), [call.COLLECT, ID, b"", *REPLY]]


def test_an_attempt_more_is_written_when_the_store_is_back() -> None:
    play = Durable()
    play.post()
    play.commit()
    play.ready(b"w")
    play.store.refuses = AWAY
    play.say(b"w", play.DISCONNECT)
    play.commit()
    assert play.disk.requests[1].attempts == 0
    play.store.refuses = ""
    play.commit()
    assert play.disk.requests[1].attempts == 1


def test_the_lease_is_shown_as_what_is_left_of_it() -> None:
    play = Durable()
    assert play.broker.report(play.now).lease == 0
    play.broker.settled(Settled(None, lease=play.now + 5), play.now)
    assert play.broker.report(play.now + 1).lease == 4
    assert play.broker.report(play.now + 9).lease == 0
