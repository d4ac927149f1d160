"""Clients: how they ask, what is refused, what expires, what becomes a dead letter."""

from __future__ import annotations

import json

import pytest
from support.majordomo import Play

from zmqdev.broker.broker import Broker
from zmqdev.broker.cost import cost
from zmqdev.broker.names import MOST
from zmqdev.options.reliable import Reliable
from zmqdev.wire import call
from zmqdev.wire.dialect import MDP_01, MDP_02, DialectVerb
from zmqdev.wire.majordomo import request_01, request_02

FORMS = {
    "REQ": ([b""], [b""]),
    "REQ_CORRELATE": ([b"\x01\x02\x03\x04", b""], [b"\x01\x02\x03\x04", b""]),
    "DEALER without delimiter": ([], []),
    "through another router": ([b"far", b""], [b"far", b""]),
    "MDP 0.1": ([b"", b"MDPC01", b"echo"], [b"", b"MDPC01", b"echo"]),
    "MDP 0.1 through another router": (
        [b"far", b"", b"MDPC01", b"echo"],
        [b"far", b"", b"MDPC01", b"echo"],
    ),
    "MDP 0.2": ([b"MDPC02", b"\x01", b"echo"], [b"MDPC02", b"\x03", b"echo"]),
    "majortomo": ([b"", b"MDPC02", b"\x02", b"echo"], [b"", b"MDPC02", b"\x04"]),
    "zmqdev": ([call.CALL, b"id", b""], [call.CALL, b"id", b""]),
}


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_every_kind_of_client_gets_its_reply_in_its_own_form(form: str) -> None:
    asked, answered = FORMS[form]
    play = Play(service="echo")
    play.ready(b"w")
    play.client(b"client", *asked, b"body", b"and more")
    assert play.work_of(b"w")[-1][1:] == [b"", b"body", b"and more"]
    play.reply(b"w", b"reply")
    assert play.replies_to() == [[*answered, b"reply"]]


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [b"c"],
        [b"c", b""],
        [b"c", b"", b"MDPC01"],
        [b"c", b"", b"MDPC01", b"echo"],
        [b"c", b"", b"MDPC01", b"", b"no name"],
        [b"c", b"", b"MDPC01", b"n" * 256, b"long name"],
        [b"c", b"", b"MDPC01", b"\x1b]0;owned\x07", b"escape sequence"],
        [b"c", b"", b"MDPC01", b"\xc2\x9b2J", b"the same in one character"],
        [b"c", b"", b"MDPC01", b"two\nlines", b"more than a line"],
        [b"c", b"", b"MDPC01", "\u202edlrow".encode(), b"from right to left"],
        [b"c", b"", b"MDPC01", b"\xff", b"no text"],
        [b"c", b"MDPC02", b"\x01", b"\0", b"body"],
        [b"c", b"MDPC02", b"\x01", b"echo"],
        [b"c", b"MDPC02", b"\x02", b"echo", b"body"],
        [b"c", b"", b"MDPC02", b"\x09", b"echo", b"body"],
        [b"c", b"", b"MDPW01", b"\x01", b"echo"],
        [b"c", b"MDPW02", b"\x01", b"echo"],
        [b"c", call.CALL, b"id", b"no delimiter"],
        [b"c", call.CALL],
    ],
    ids=repr,
)
def test_malformed_requests_are_counted_and_nothing_else(frames: list[bytes]) -> None:
    play = Play()
    play.ready(b"w")
    play.client(*frames)
    assert play.counts["malformed_clients"] == 1
    assert play.work_of(b"w") == []
    assert play.sent_to_clients == []


@pytest.mark.parametrize(
    ("service", "body", "code"),
    [
        (b"mmi.service", b"echo", b"200"),
        (b"mmi.service", b"nothing", b"404"),
        (b"mmi.service", b"", b"404"),
        (b"mmi.other", b"echo", b"501"),
        (b"mmi.", b"", b"501"),
    ],
)
def test_the_broker_answers_management_requests_itself(
    service: bytes, body: bytes, code: bytes
) -> None:
    play = Play()
    play.ready(b"w")
    play.ask(body, service=service)
    assert play.replies_to() == [[b"", b"MDPC01", service, code]]
    assert play.broker.is_empty()


def test_a_service_without_workers_left_is_not_found() -> None:
    play = Play()
    play.ready(b"w")
    play.say(b"w", DialectVerb.DISCONNECT)
    play.ask(b"echo", service=b"mmi.service")
    assert play.replies_to()[-1][-1] == b"404"


def failure_of(play: Play, client: bytes = b"client") -> str:
    """The code of the last failure a zmqdev client was told."""
    found = call.unwrap(play.replies_to(client)[-1])
    assert found is not None
    assert isinstance(found[1], call.Failure)
    return found[1].code


CALL_COST = cost([b"client", *call.wrap(b"1", request_01(b"echo", [b"body"]))])


def ask_with_id(play: Play, id: bytes, body: bytes = b"body", service: bytes = b"echo") -> None:
    play.client(b"client", *call.wrap(id, request_01(service, [body])))


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"max_requests": 2}, "full"),
        ({"client_requests": 2}, "client-full"),
        ({"max_bytes": 2 * CALL_COST}, "full"),
        ({"client_bytes": 2 * CALL_COST}, "client-full"),
    ],
    ids=repr,
)
def test_what_is_over_a_limit_is_refused_and_said(limits: dict[str, int], code: str) -> None:
    play = Play(**limits)
    play.ready(b"w")
    for number in (b"1", b"2", b"3"):
        ask_with_id(play, number)
    assert failure_of(play) == code
    assert play.counts["refused"] == 1
    assert play.broker.report(play.now).queued == 1


def test_one_client_at_its_limit_does_not_stop_another() -> None:
    play = Play(client_requests=1)
    play.ask(b"1", client=b"a")
    play.ask(b"2", client=b"a")
    play.ask(b"3", client=b"b")
    assert play.broker.report(play.now).queued == 2


def test_a_request_larger_than_the_queue_is_refused() -> None:
    play = Play(max_bytes=1000)
    ask_with_id(play, b"1", b"x" * 1001)
    assert failure_of(play) == "too-large"


def test_room_is_given_back_when_a_request_ends() -> None:
    play = Play(max_requests=1, max_bytes=1000)
    play.ready(b"w")
    for number in range(5):
        play.ask(b"x" * 10)
        play.reply(b"w", b"done")
        assert play.counts["replies"] == number + 1
    assert play.counts["refused"] == 0


def test_a_request_that_no_worker_takes_expires() -> None:
    play = Play(expiry=10.0)
    play.ready(b"w")
    ask_with_id(play, b"1")
    ask_with_id(play, b"2")
    play.pass_time(11, alive=(b"w",))
    assert failure_of(play) == "expired"
    assert play.counts["expired"] == 1
    play.reply(b"w", b"a reply is still a reply")
    assert play.broker.is_empty()


def test_a_request_for_an_unknown_service_expires_sooner() -> None:
    play = Play(expiry=100.0, unknown_expiry=2.0)
    ask_with_id(play, b"1", service=b"nobody")
    play.pass_time(3)
    assert failure_of(play) == "no-service"


def test_a_service_whose_workers_left_is_not_unknown() -> None:
    play = Play(expiry=100.0, unknown_expiry=2.0)
    play.ready(b"w")
    play.say(b"w", DialectVerb.DISCONNECT)
    play.ask(b"1")
    play.pass_time(50)
    play.ready(b"v")
    assert len(play.work_of(b"v")) == 1


def test_names_that_nobody_serves_are_limited() -> None:
    play = Play()
    play.ready(b"w")
    for number in range(MOST):
        play.ask(b"1", service=b"made-up-%d" % number)
    ask_with_id(play, b"1", service=b"one-more")
    assert failure_of(play) == "no-service"
    play.ask(b"1")
    play.reply(b"w", b"the known one works")
    assert play.counts["replies"] == 1
    play.ready(b"v", service=b"made-up-0")
    ask_with_id(play, b"2", service=b"one-more")
    assert play.counts["refused"] == 1


def test_services_that_workers_make_up_and_leave_are_forgotten_at_once() -> None:
    play = Play(expiry=300.0)
    for number in range(1000):
        play.ready(b"w", service=b"made-up-%d" % number)
        play.say(b"w", DialectVerb.DISCONNECT)
    play.pass_time(0.5)
    assert play.broker.report(play.now).services == ()


def test_services_that_nobody_uses_are_forgotten() -> None:
    play = Play(unknown_expiry=2.0)
    for number in range(100):
        play.ask(b"1", service=b"service-%d" % number)
    play.pass_time(5)
    assert play.broker.report(play.now).services == ()


def test_a_poison_request_becomes_a_dead_letter() -> None:
    play = Play(max_attempts=3)
    ask_with_id(play, b"1", b"poison")
    for name in (b"a", b"b", b"c", b"d"):
        play.ready(name)
        play.say(name, DialectVerb.DISCONNECT)
    assert failure_of(play) == "dead-letter"
    [letter] = play.broker.take_letters()
    assert (letter.service, letter.attempts, letter.body) == ("echo", 3, (b"poison",))
    about, body = letter.frames()
    assert json.loads(about)["reason"] == "attempts"
    assert body == b"poison"
    assert "dead letter" in play.broker.take_notices()[-1]
    assert play.counts["dead_letters"] == 1
    assert play.broker.is_empty()


def test_a_call_sent_again_while_the_first_is_here_is_one_request() -> None:
    play = Play()
    play.ready(b"w")
    ask_with_id(play, b"1")
    ask_with_id(play, b"1")
    assert len(play.work_of(b"w")) == 1
    play.reply(b"w", b"done")
    assert len(play.replies_to()) == 1
    assert play.counts["repeated"] == 1
    ask_with_id(play, b"1")
    assert len(play.work_of(b"w")) == 2, "an id may be used again afterwards"


LONG = b"12 bytes or more"


def test_a_call_sent_again_over_another_connection_is_the_same_request() -> None:
    play = Play()
    play.ready(b"w")
    asked = request_01(b"echo", [b"body"])
    play.client(b"old", *call.wrap(LONG, asked))
    play.client(b"new", *call.wrap(LONG, request_02(b"echo", [b"body"]), call.AGAIN))
    assert len(play.work_of(b"w")) == 1
    play.reply(b"w", b"done")
    assert play.replies_to(b"old") == []
    assert play.replies_to(b"new") == [
        [call.AGAIN, LONG, b"", b"MDPC02", b"\x03", b"echo", b"done"]
    ]
    assert play.counts["repeated"] == 1


def test_a_retry_over_a_new_connection_is_kept_when_the_old_one_is_found_gone() -> None:
    play = Play()
    gone = b"\0\1\2\3\4"
    asked = request_01(b"echo", [b"body"])
    play.client(gone, *call.wrap(LONG, asked))
    play.client(gone, b"", *asked)
    play.client(b"new", *call.wrap(LONG, asked, call.AGAIN))
    play.broker.client_refused([[gone, b"", b"x"]], True, play.now)
    play.ready(b"w")
    play.reply(b"w", b"done")
    assert [frames[-1] for frames in play.replies_to(b"new")] == [b"done"]
    assert play.counts["abandoned"] == 1


def test_short_ids_of_two_connections_are_two_requests() -> None:
    play = Play()
    play.ready(b"w")
    play.ready(b"v")
    for client in (b"one", b"two"):
        play.client(client, *call.wrap(b"1", request_01(b"echo", [b"body"])))
    assert len(play.work_of(b"w") + play.work_of(b"v")) == 2


def test_who_has_its_share_takes_over_no_request_of_another_connection() -> None:
    play = Play(client_requests=1)
    asked = request_01(b"echo", [b"body"])
    play.client(b"one", *call.wrap(LONG, asked))
    play.client(b"two", *call.wrap(b"another long id", asked))
    play.client(b"two", *call.wrap(LONG, asked, call.AGAIN))
    assert failure_of(play, b"two") == "client-full"
    play.ready(b"w")
    play.reply(b"w", b"done")
    assert len(play.replies_to(b"one")) == 1


def test_half_a_reply_has_gone_so_the_other_half_goes_nowhere_else() -> None:
    play = Play(stream_partials=True)
    play.ready(b"w", dialect=MDP_02)
    asked = request_02(b"echo", [b"body"])
    play.client(b"one", *call.wrap(LONG, asked))
    token = play.token(b"w", MDP_02)
    play.say(b"w", DialectVerb.PARTIAL, token, b"", b"half", dialect=MDP_02)
    play.client(b"two", *call.wrap(LONG, asked, call.AGAIN))
    assert failure_of(play, b"two") == "elsewhere"
    play.reply(b"w", b"rest", token=token, dialect=MDP_02)
    assert [frames[-1] for frames in play.replies_to(b"one")] == [b"half", b"rest"]


def test_what_a_gone_client_still_has_in_the_queue_is_dropped() -> None:
    play = Play()
    gone = b"\0\1\2\3\4"
    play.ready(b"w")
    for _ in range(1000):
        play.ask(b"x", client=gone)
    play.ask(b"mine", client=b"other")
    play.broker.receive_workers(
        [[b"w", b"", b"MDPW01", b"\x03", play.token(b"w"), b"", b"reply"]], play.now
    )
    play.broker.client_refused(play.broker.frames_for_clients(play.now), True, play.now)
    play.collect()
    play.reply(b"w", b"reply")
    assert play.work_of(b"w")[-1][2] == b"mine"
    assert len(play.work_of(b"w")) == 3
    assert play.counts["abandoned"] == 998
    play.reply(b"w", b"reply")
    assert play.broker.is_empty()


def test_a_client_with_a_name_of_its_own_may_come_back_for_its_replies() -> None:
    play = Play()
    play.ready(b"w")
    play.ask(b"1", client=b"named")
    play.ask(b"2", client=b"named")
    play.broker.client_refused([[b"named", b"reply"]], True, play.now)
    play.reply(b"w", b"done")
    play.reply(b"w", b"done")
    assert play.counts["abandoned"] == 0


def test_a_drain_refuses_the_new_and_finishes_the_old() -> None:
    play = Play()
    play.ready(b"w")
    ask_with_id(play, b"1")
    ask_with_id(play, b"2")
    play.broker.drain()
    ask_with_id(play, b"3")
    assert failure_of(play) == "stopping"
    assert not play.broker.is_empty()
    play.reply(b"w", b"done")
    play.reply(b"w", b"done")
    assert play.broker.is_empty()
    assert play.counts["replies"] == 2


def test_a_stop_tells_the_workers_and_the_clients() -> None:
    play = Play()
    play.ready(b"w")
    play.ready(b"idle", service=b"other")
    ask_with_id(play, b"1")
    assert play.broker.stop() == 1
    play.collect()
    assert play.verbs_to(b"w")[-1] is DialectVerb.DISCONNECT
    assert play.verbs_to(b"idle")[-1] is DialectVerb.DISCONNECT
    assert failure_of(play) == "stopped"
    assert play.counts["unanswered"] == 1


def test_a_paused_broker_takes_in_but_gives_out_nothing() -> None:
    play = Play()
    play.broker.pause()
    play.ready(b"w")
    play.ask(b"1")
    play.pass_time(5, alive=(b"w",))
    assert play.work_of(b"w") == []
    play.broker.resume(play.now)
    play.collect()
    assert len(play.work_of(b"w")) == 1


def test_deadline_says_when_tick_has_something_to_do() -> None:
    play = Play()
    due = play.broker.deadline()
    assert play.now < due <= play.now + 0.25
    play.broker.tick(due)
    assert play.broker.deadline() > due


def test_the_ledger_balances() -> None:
    play = Play(max_attempts=1, expiry=5.0)
    play.ready(b"w")
    for number in range(10):
        play.ask(b"%d" % number)
    play.reply(b"w", b"done")
    play.say(b"w", DialectVerb.DISCONNECT)
    play.pass_time(6)
    play.ask(b"left")
    report = play.broker.report(play.now)
    assert balance(play.broker, play.now)
    assert (report.counters["replies"], report.counters["dead_letters"]) == (1, 1)
    assert report.counters["expired"] == 8


def balance(broker: Broker, now: float) -> bool:
    counts = broker.report(now).counters
    ended = ("replies", "expired", "dead_letters", "abandoned", "unanswered", "evicted")
    return counts["requests"] == sum(counts[name] for name in ended) + len(broker.ledger.open)


def test_a_client_may_send_a_hundred_thousand_requests_before_it_reads_a_reply() -> None:
    """The Guide's mdclient2, with nothing but defaults."""
    many = 100_000
    broker = Broker(Reliable(enabled=True), b"run", 0.0)
    ask = [b"client", b"", b"MDPC01", b"echo", b"Hello world"]
    broker.receive_clients([list(ask) for _ in range(many)], 0.0)
    assert broker.report(0.0).counters["refused"] == 0
    replies = [[b"client", b"", b"MDPC01", b"echo", b"Hello world"] for _ in range(many)]
    broker.client_refused(replies, False, 0.0)
    assert broker.report(0.0).counters["overflowed"] == 0
    assert broker.report(0.0).waiting_replies == many


def test_one_client_cannot_fill_the_queue() -> None:
    defaults = Reliable()
    assert defaults.client_requests <= defaults.max_requests // 2
    assert defaults.client_bytes <= defaults.max_bytes // 2


def test_what_was_meant_for_the_first_with_a_routing_id_is_not_the_seconds() -> None:
    play = Play()
    play.ready(b"w")
    play.ask(b"in work")
    play.ask(b"queued")
    token = play.token(b"w")
    play.broker.void(b"client", play.now)
    play.ask(b"the second's")
    play.reply(b"w", b"secret", token=token)
    assert play.replies_to(b"client") == []
    play.reply(b"w", b"its own")
    assert [reply[-1] for reply in play.replies_to(b"client")] == [b"its own"]
    assert play.counts["abandoned"] == 1
    assert play.broker.is_empty()
    assert play.broker.report(play.now).clients == 0


def test_replies_that_have_not_left_yet_do_not_go_to_the_second_with_a_routing_id() -> None:
    play = Play()
    play.ready(b"w")
    play.ask(b"1")
    token = play.token(b"w")
    play.broker.receive_workers(
        [[b"w", *MDP_01.frames(DialectVerb.FINAL, token, b"", b"x")]], play.now
    )
    play.broker.void(b"client", play.now)
    play.collect()
    assert play.replies_to(b"client") == []
    assert play.counts["unreachable"] == 1


def test_a_request_that_has_not_left_yet_does_not_go_to_the_second_with_a_workers_id() -> None:
    play = Play()
    play.ready(b"w")
    play.broker.receive_clients([[b"client", b"", b"MDPC01", b"echo", b"1"]], play.now)
    play.broker.void(b"w", play.now)
    play.collect()
    assert play.work_of(b"w") == []
    play.ready(b"other")
    assert len(play.work_of(b"other")) == 1
    assert play.counts["lost"] == 1


def test_a_call_in_work_that_comes_again_under_an_id_with_another_connection_is_answered() -> None:
    play = Play()
    play.ready(b"w", service=b"default")
    again = (b"client", call.CALL, b"u" * call.UNIQUE, b"", b"1")
    play.client(*again)
    play.broker.void(b"client", play.now)
    play.client(*again)
    play.reply(b"w", b"answer")
    assert play.replies_to(b"client") == [[call.CALL, b"u" * call.UNIQUE, b"", b"answer"]]
    assert (play.counts["requests"], play.counts["repeated"]) == (1, 1)
    assert play.broker.is_empty()
