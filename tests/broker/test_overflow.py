"""Replies for clients that do not read."""

from __future__ import annotations

from support.majordomo import Play

from zmqdev.broker.cost import cost
from zmqdev.broker.overflow import PORTION, RETRY, Overflow

Message = list[bytes]


def numbered(client: bytes, numbers: range) -> list[Message]:
    return [[client, b"", b"%d" % number] for number in numbers]


def test_what_was_refused_is_tried_again_in_order() -> None:
    overflow = Overflow(100, 100_000, patience=60)
    overflow.refuse(numbered(b"slow", range(5)), now=0.0)
    assert overflow.release(now=RETRY / 2) == []
    assert overflow.release(now=RETRY) == numbered(b"slow", range(5))


def test_other_clients_are_not_kept() -> None:
    overflow = Overflow(100, 100_000, patience=60)
    overflow.refuse([[b"slow", b"1"], [b"slow", b"3"]], now=0.0)
    assert overflow.hold_back([[b"fast", b"5"], [b"slow", b"6"]]) == [[b"fast", b"5"]]
    assert overflow.release(now=1.0) == [[b"slow", b"1"], [b"slow", b"3"], [b"slow", b"6"]]


def test_a_long_backlog_leaves_in_order_while_more_is_refused() -> None:
    overflow = Overflow(10_000, 10_000_000, patience=60)
    overflow.refuse(numbered(b"slow", range(PORTION * 3)), now=0.0)
    taken: list[Message] = []
    now = 0.0
    while overflow:
        now += RETRY
        released = overflow.release(now)
        room = 100
        taken += released[:room]
        if released[room:]:
            overflow.refuse(released[room:], now)
    assert taken == numbered(b"slow", range(PORTION * 3))


def test_a_client_that_reads_again_is_served_at_once() -> None:
    overflow = Overflow(10_000, 10_000_000, patience=60)
    overflow.refuse(numbered(b"slow", range(PORTION * 2)), now=0.0)
    assert len(overflow.release(RETRY)) == PORTION
    assert overflow.retry_at <= RETRY, "nothing was refused, so the rest need not wait"


def test_the_newest_above_the_limits_are_dropped_and_counted() -> None:
    overflow = Overflow(3, 100_000, patience=60)
    overflow.refuse(numbered(b"slow", range(5)), now=0.0)
    assert (len(overflow), overflow.dropped) == (3, 2)
    small = Overflow(100, 2 * cost([b"slow", b"", b"1"]), patience=60)
    small.refuse(numbered(b"slow", range(5)), now=0.0)
    assert (len(small), small.dropped) == (2, 3)


def test_a_client_that_never_reads_is_given_up() -> None:
    overflow = Overflow(100, 100_000, patience=10)
    overflow.refuse(numbered(b"slow", range(5)), now=0.0)
    now = 0.0
    while overflow and now < 20:
        now += 1.0
        released = overflow.release(now)
        if released:
            overflow.refuse(released, now)
    assert overflow.dropped == 5
    assert now == 11.0


def test_a_client_that_reads_slowly_is_not_given_up() -> None:
    overflow = Overflow(100, 100_000, patience=10)
    overflow.refuse(numbered(b"slow", range(50)), now=0.0)
    now = 0.0
    while overflow:
        now += 5.0
        released = overflow.release(now)
        if released[1:]:
            overflow.refuse(released[1:], now)
    assert overflow.dropped == 0


def test_the_broker_is_not_empty_before_every_reply_has_left() -> None:
    play = Play()
    play.ready(b"w")
    play.ask(b"1")
    play.broker.receive_workers(
        [[b"w", b"", b"MDPW01", b"\x03", play.token(b"w"), b"", b"late"]], play.now
    )
    messages = play.broker.frames_for_clients(play.now)
    play.broker.client_refused(messages, False, play.now)
    assert not play.broker.is_empty()
    assert play.broker.deadline() <= play.now + RETRY
    play.now += RETRY
    assert play.broker.frames_for_clients(play.now) == messages
    play.now += RETRY
    assert play.broker.frames_for_clients(play.now) == []
    assert play.broker.is_empty()


def test_what_waits_for_a_client_that_has_gone_is_dropped_and_counted() -> None:
    play = Play()
    rest = numbered(b"slow", range(3))
    play.broker.client_refused(rest, False, play.now)
    play.broker.client_refused([[b"slow", b"", b"next"]], True, play.now)
    assert play.broker.is_empty()
    assert play.counts["unreachable"] == 4
