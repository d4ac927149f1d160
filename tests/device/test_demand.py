"""Who asks is served, longest waiting first; who is gone loses what it asked for."""

from __future__ import annotations

from zmqdev.relay.asks import MOST_AHEAD, Asks


def test_the_one_that_waits_longest_is_served_by_its_envelope() -> None:
    asks = Asks()
    asks.add([b"req", b"", b"READY"])
    asks.add([b"dealer", b"READY"])
    assert asks.take() == [b"req", b""]
    assert asks.take() == [b"dealer"]
    assert not asks.waiting
    assert not asks.of


def test_a_worker_that_is_gone_loses_all_that_it_asked_for() -> None:
    asks = Asks()
    for worker in (b"a", b"b", b"a", b"a"):
        asks.add([worker, b"READY"])
    assert asks.take() == [b"a"]
    asks.forget(b"a")
    assert [one[0] for one in asks.waiting] == [b"b"]
    assert asks.lost == 3
    assert set(asks.of) == {b"b"}


def test_nobody_asks_without_end() -> None:
    asks = Asks()
    for _ in range(MOST_AHEAD + 5):
        asks.add([b"a", b"READY"])
    assert len(asks.waiting) == MOST_AHEAD
    assert asks.ignored == 5


def test_one_that_cannot_be_served_now_stands_behind_the_others() -> None:
    asks = Asks()
    asks.add([b"a", b"READY"])
    asks.add([b"b", b"READY"])
    asks.give_back(asks.take())
    assert [one[0] for one in asks.waiting] == [b"b", b"a"]
