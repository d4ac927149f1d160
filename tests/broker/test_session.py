"""A worker's conversation with its broker."""

from __future__ import annotations

from itertools import pairwise

import pytest

from zmqdev.broker.session import FIRST_PAUSE, LAST_PAUSE, Session
from zmqdev.wire.dialect import DIALECTS, MDP_01, PPP, Dialect, DialectVerb

REQUEST = MDP_01.frames(DialectVerb.REQUEST, b"token", b"", b"hello", b"you")
HEARTBEAT = MDP_01.frames(DialectVerb.HEARTBEAT)
DISCONNECT = MDP_01.frames(DialectVerb.DISCONNECT)


def begun(dialect: Dialect = MDP_01, heartbeat: float = 1.0) -> Session:
    session = Session(dialect, b"echo", heartbeat, now=0.0)
    session.tick(0.0)
    return session


def taken(session: Session, dialect: Dialect = MDP_01) -> list[DialectVerb]:
    said = [dialect.verb_of(frames, 0, DialectVerb.FINAL) for frames in session.outbox]
    session.outbox.clear()
    return said


@pytest.mark.parametrize("dialect", list(DIALECTS.values()), ids=lambda row: row.name)
def test_a_request_is_taken_and_answered(dialect: Dialect) -> None:
    session = begun(dialect)
    assert taken(session, dialect) == [DialectVerb.READY]
    job = session.receive(dialect.frames(DialectVerb.REQUEST, b"token", b"", b"hello", b"you"), 0.5)
    assert job == ([b"token", b""], [b"hello", b"you"])
    assert session.finish(session.generation, job[0], [b"bye"], 0.6)
    assert session.outbox == [dialect.frames(DialectVerb.FINAL, b"token", b"", b"bye")]


def test_heartbeats_go_on_while_it_works() -> None:
    session = begun()
    session.outbox.clear()
    session.receive(REQUEST, 0.1)
    sent = 0
    for step in range(1, 60):
        now = step / 10
        session.receive(HEARTBEAT, now)
        session.tick(now)
        sent += len(taken(session))
    assert sent == 5


def test_no_heartbeat_is_added_to_what_has_not_left_yet() -> None:
    session = begun()
    for step in range(1, 20):
        session.receive(HEARTBEAT, step / 10)
        session.tick(step / 10)
    assert taken(session) == [DialectVerb.READY]


def test_a_silent_broker_is_left_after_three_heartbeats_with_growing_pauses() -> None:
    session = begun()
    opened = []
    now = 0.0
    while len(opened) < 12:
        now += 0.05
        before = session.state
        session.outbox.clear()
        session.tick(now)
        if session.state == "open" and before == "closed":
            opened.append(now)
    gaps = [later - earlier for earlier, later in pairwise(opened)]
    assert gaps[0] == pytest.approx(3.0 + 2 * FIRST_PAUSE, abs=0.2)
    assert max(gaps) == pytest.approx(3.0 + LAST_PAUSE, abs=0.2)
    assert session.generation >= 11


def test_while_nothing_can_be_sent_it_waits_and_is_there_at_once_afterwards() -> None:
    session = begun()
    for step in range(600):
        session.tick(step / 10)
    assert taken(session) == [DialectVerb.READY]
    session.tick(60.0)
    assert (session.state, session.generation) == ("open", 0)


def test_a_disconnect_ends_it_and_it_comes_back() -> None:
    session = begun()
    session.outbox.clear()
    session.receive(DISCONNECT, 1.0)
    assert (session.state, session.generation) == ("closed", 1)
    session.tick(1.0)
    assert session.state == "closed"
    assert session.deadline() == 1.0 + FIRST_PAUSE
    session.tick(session.deadline())
    assert taken(session) == [DialectVerb.READY]


def test_hearing_the_broker_makes_the_pause_short_again() -> None:
    session = begun()
    for now in (1.0, 3.0, 5.0, 7.0):
        session.receive(DISCONNECT, now)
        session.tick(now + 1.9)
    session.receive(HEARTBEAT, 9.0)
    session.receive(DISCONNECT, 9.0)
    assert session.deadline() == 9.0 + FIRST_PAUSE


def test_the_reply_of_an_ended_conversation_is_not_sent() -> None:
    session = begun()
    session.receive(REQUEST, 0.1)
    old = session.generation
    session.receive(DISCONNECT, 0.2)
    assert not session.finish(old, [b"token", b""], [b"late"], 5.0)
    assert (session.outbox, session.stale) == ([], 1)


def test_it_does_not_begin_again_before_its_work_is_done() -> None:
    session = begun()
    session.receive(REQUEST, 0.1)
    session.receive(DISCONNECT, 0.2)
    session.tick(60.0)
    assert session.state == "closed"
    session.finish(0, [b"token", b""], [b"late"], 60.0)
    session.tick(60.0)
    assert session.state == "open"


def test_messages_of_an_ended_conversation_are_ignored() -> None:
    session = begun()
    session.receive(DISCONNECT, 0.2)
    assert session.receive(REQUEST, 0.25) is None
    assert session.busy == 0


def test_a_stop_finishes_the_work_and_says_goodbye() -> None:
    session = begun()
    session.outbox.clear()
    session.receive(REQUEST, 0.1)
    session.stop(0.2)
    assert not session.has_left
    session.finish(session.generation, [b"token", b""], [b"bye"], 0.3)
    assert taken(session) == [DialectVerb.FINAL, DialectVerb.DISCONNECT]
    assert session.has_left


def test_a_pirate_leaves_without_a_word() -> None:
    session = begun(PPP)
    session.outbox.clear()
    session.stop(0.2)
    assert session.has_left
    assert session.outbox == []


def test_what_is_no_command_of_a_broker_is_counted() -> None:
    session = begun()
    for frames in ([], [b""], [b"x", b"y"], MDP_01.frames(DialectVerb.READY, b"echo")):
        assert session.receive(frames, 0.1) is None
    assert session.malformed == 4
