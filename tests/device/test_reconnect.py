"""Coming back after a refusal: ever more slowly, and soon again after a success."""

from __future__ import annotations

import zmq

from zmqdev.device.reconnect import LONGEST_PAUSE, Comeback
from zmqdev.device.tally import Tally


def test_pauses_double_up_to_a_limit() -> None:
    plan, now, pauses = Comeback(), 0.0, []
    for _ in range(8):
        pause = plan.failed("tcp://a", now)
        assert pause is not None
        pauses.append(pause)
        now += pause
        assert plan.due(now) == ["tcp://a"]
    assert pauses == [1, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


def test_a_try_that_is_planned_is_not_planned_again() -> None:
    plan = Comeback()
    assert plan.failed("tcp://a", 0) == 1
    assert plan.failed("tcp://a", 0.5) is None
    assert plan.due(0.9) == []
    assert plan.due(1) == ["tcp://a"]
    assert plan.due(1) == []


def test_a_success_makes_the_pause_short_again() -> None:
    plan = Comeback()
    plan.failed("tcp://a", 0)
    plan.succeeded("tcp://a")
    assert plan.due(10) == []
    assert plan.failed("tcp://a", 20) == 1


def test_addresses_are_told_apart() -> None:
    plan = Comeback()
    plan.failed("tcp://a", 0)
    plan.failed("tcp://b", 5)
    assert plan.due(1) == ["tcp://a"]
    assert plan.due(6) == ["tcp://b"]


def test_an_address_that_libzmq_sees_to_is_left_to_it() -> None:
    """A second connection beside the first one would keep what is unsent, and stay open."""
    tally, there = Tally(), "tcp://127.0.0.1:1"
    assert not tally.is_seen_to(there)
    tally.take(zmq.EVENT_CONNECTED, 7, there)
    assert tally.is_seen_to(there)
    tally.take(zmq.EVENT_DISCONNECTED, 7, there)
    assert not tally.is_seen_to(there), "refused, and given up"
    tally.take(zmq.EVENT_CONNECT_RETRIED, 100, there)
    assert tally.is_seen_to(there), "the peer hung up, and libzmq connects again"
