"""What subscribers hold, as accounts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.security.subscriptions import (
    BYTES_PER_CHANGE,
    TIMES,
    WINDOW,
    Account,
    SubscriptionLimits,
    Subscriptions,
    SubscriptionVerdict,
)

LIMITS = SubscriptionLimits(
    topic_length=10, count=6, count_per_peer=4, size=40, size_per_peer=25, changes_per_peer=0
)


def opened(limits: SubscriptionLimits = LIMITS, peers: int = 3) -> Any:
    """The accounts, then one for each peer."""
    accounts = Subscriptions(limits)
    return (accounts, *[accounts.open(0.0) for _ in range(peers)])


def ask(
    accounts: Subscriptions, account: Account | None, *topics: bytes
) -> list[SubscriptionVerdict]:
    return [accounts.take(b"\x01" + topic, account, 0.0) for topic in topics]


def test_what_is_no_subscription_is_told() -> None:
    accounts, one, *_ = opened()
    for frame in (b"", b"\x02a", b"hello"):
        assert accounts.take(frame, one, 0.0) is SubscriptionVerdict.NOT_SUBSCRIPTION
        assert accounts.take(frame, None, 0.0) is SubscriptionVerdict.NOT_SUBSCRIPTION


def test_a_topic_over_the_limit_is_told() -> None:
    accounts, one, *_ = opened()
    assert ask(accounts, one, b"x" * 11) == [SubscriptionVerdict.TOO_LONG]


def test_a_topic_goes_up_with_its_first_holder_and_down_with_its_last() -> None:
    accounts, one, two, _ = opened()
    assert ask(accounts, one, b"a", b"a") == [
        SubscriptionVerdict.PASS,
        SubscriptionVerdict.REPEATED,
    ]
    assert ask(accounts, two, b"a") == [SubscriptionVerdict.REPEATED]
    assert accounts.take(b"\x00a", one, 0.0) is SubscriptionVerdict.DROP
    assert accounts.take(b"\x00a", one, 0.0) is SubscriptionVerdict.DROP, "it holds it no more"
    assert accounts.take(b"\x00a", two, 0.0) is SubscriptionVerdict.PASS


def test_what_is_refused_to_one_is_passed_for_the_next() -> None:
    accounts, one, two, three = opened()
    assert ask(accounts, one, b"a", b"b", b"c", b"d", b"popular")[-1] is SubscriptionVerdict.CUT
    assert accounts.payer is one
    assert accounts.release(one)
    assert accounts.take(b"\x01secret", two, 0.0, allowed=False) is SubscriptionVerdict.DROP
    assert ask(accounts, three, b"popular", b"secret") == [
        SubscriptionVerdict.PASS,
        SubscriptionVerdict.PASS,
    ]


def test_a_peer_over_its_bytes_is_cut() -> None:
    accounts, one, *_ = opened()
    assert ask(accounts, one, b"a" * 10, b"b" * 10, b"c" * 10)[-1] is SubscriptionVerdict.CUT


def test_a_topic_that_others_hold_counts_for_each() -> None:
    accounts, one, two, _ = opened()
    ask(accounts, one, b"a", b"b", b"c", b"d")
    assert ask(accounts, two, b"a", b"b", b"c", b"d", b"e")[-1] is SubscriptionVerdict.CUT


def test_what_was_cut_holds_nothing_and_changes_nothing() -> None:
    accounts, one, two, _ = opened()
    ask(accounts, two, b"a")
    ask(accounts, one, b"a", b"b", b"c", b"d", b"e")
    assert sorted(accounts.release(one)) == [b"b", b"c", b"d"]
    assert ask(accounts, one, b"f") == [SubscriptionVerdict.DROP]
    assert accounts.take(b"\x00a", one, 0.0) is SubscriptionVerdict.DROP
    assert (len(accounts), accounts.size) == (1, 1)


def test_above_the_limit_of_all_the_asker_pays_when_it_has_more_than_its_share() -> None:
    accounts, one, two, _ = opened()
    ask(accounts, one, b"a", b"b", b"c")
    assert ask(accounts, two, b"d", b"e", b"f", b"g")[-1] is SubscriptionVerdict.CUT
    assert accounts.payer is two


def test_above_the_limit_of_all_the_largest_holder_pays_for_a_newcomer() -> None:
    accounts, one, two, three = opened()
    ask(accounts, one, b"a", b"b", b"c", b"d")
    ask(accounts, two, b"e", b"f")
    assert ask(accounts, three, b"g") == [SubscriptionVerdict.PASS]
    assert accounts.payer is one
    assert sorted(accounts.release(one)) == [b"a", b"b", b"c", b"d"]
    assert ask(accounts, three, b"h") == [SubscriptionVerdict.PASS]
    assert accounts.payer is None


MANY = SubscriptionLimits(count=100, size=10_000, count_per_peer=50)


def crowd(limits: SubscriptionLimits, host: str, connections: int, topics: int) -> Subscriptions:
    """Many small connections of one address that hold all there is."""
    accounts = Subscriptions(limits)
    for number in range(connections):
        small = accounts.open(0.0, host)
        ask(accounts, small, *(b"%d.%d" % (number, topic) for topic in range(topics)))
    assert len(accounts) == connections * topics
    return accounts


@pytest.mark.parametrize("topics", [1, 10, 40])
def test_many_small_connections_of_one_address_push_no_other_out(topics: int) -> None:
    accounts = crowd(MANY, "10.0.0.1", 50, 2)
    newcomer = accounts.open(0.0, "10.0.0.2")
    for number in range(topics):
        verdict = accounts.take(b"\x01new.%d" % number, newcomer, 0.0)
        assert verdict is SubscriptionVerdict.PASS
        if accounts.payer is not None:
            assert accounts.payer.host == "10.0.0.1"
            accounts.release(accounts.payer)
    assert len(newcomer.topics) == topics


def test_the_same_by_bytes() -> None:
    accounts = crowd(replace(MANY, count=0, size=385), "10.0.0.1", 50, 2)
    newcomer = accounts.open(0.0, "10.0.0.2")
    assert ask(accounts, newcomer, b"a new topic") == [SubscriptionVerdict.PASS]
    assert accounts.payer is not None
    assert accounts.payer.host == "10.0.0.1"


def test_of_the_address_that_pays_the_connection_with_most_is_cut() -> None:
    accounts = crowd(replace(MANY, count=60), "10.0.0.1", 25, 2)
    large = accounts.open(0.0, "10.0.0.1")
    ask(accounts, large, *(b"large.%d" % number for number in range(10)))
    small = accounts.open(0.0, "10.0.0.1")
    assert ask(accounts, small, b"one") == [SubscriptionVerdict.PASS], "a neighbour of it too"
    assert accounts.payer is large


def test_an_address_with_more_than_its_share_pays_for_what_it_asks() -> None:
    accounts = crowd(MANY, "10.0.0.1", 30, 2)
    for number in range(4):
        ask(accounts, accounts.open(0.0, "10.0.0.2"), *(b"%d%d" % (number, n) for n in range(10)))
    again = accounts.open(0.0, "10.0.0.1")
    assert ask(accounts, again, b"one more") == [SubscriptionVerdict.PASS]
    assert accounts.payer is not None
    assert accounts.payer.host == "10.0.0.1"


def test_above_the_bytes_of_all_the_one_with_most_bytes_pays() -> None:
    accounts, one, two, three = opened()
    ask(accounts, one, b"a" * 10, b"b" * 10)
    ask(accounts, two, b"c" * 9, b"d" * 8)
    assert ask(accounts, three, b"eeee") == [SubscriptionVerdict.PASS]
    assert accounts.payer is one


def test_who_changes_without_pause_is_cut() -> None:
    accounts, one, *_ = opened(SubscriptionLimits(changes_per_peer=10))
    for _ in range(5):
        assert ask(accounts, one, b"a") == [SubscriptionVerdict.PASS]
        assert accounts.take(b"\x00a", one, 0.0) is SubscriptionVerdict.PASS
    assert ask(accounts, one, b"a") == [SubscriptionVerdict.CUT]


def test_changes_are_counted_for_a_time() -> None:
    accounts, one, *_ = opened(SubscriptionLimits(changes_per_peer=10))
    for number in range(100):
        now = number * WINDOW / 10
        assert (
            accounts.take(b"\x01a" if number % 2 else b"\x00a", one, now)
            is not SubscriptionVerdict.CUT
        )


def test_who_holds_much_may_change_more() -> None:
    accounts, one, *_ = opened(SubscriptionLimits(changes_per_peer=10))
    topics = [b"%d" % number for number in range(100)]
    assert set(ask(accounts, one, *topics)) == {SubscriptionVerdict.PASS}
    most = 10 + TIMES * (100 + sum(map(len, topics)) // BYTES_PER_CHANGE)
    while accounts.take(b"\x00none", one, 0.0) is not SubscriptionVerdict.CUT:
        assert one.changes <= most
    assert one.changes == most + 1


def test_refused_and_ordinary_frames_are_changes_too() -> None:
    for frame, allowed in ((b"\x01a", False), (b"ordinary", True), (b"\x00a", True)):
        accounts, one, *_ = opened(SubscriptionLimits(changes_per_peer=10))
        found = [accounts.take(frame, one, 0.0, allowed) for _ in range(11)]
        assert SubscriptionVerdict.CUT not in found[:10]
        assert found[10] is SubscriptionVerdict.CUT


def test_the_largest_changer_is_one_that_changes_much() -> None:
    accounts, one, two, _ = opened(SubscriptionLimits(changes_per_peer=100))
    ask(accounts, one, b"a", b"b")
    assert accounts.largest_changer(0.0) is None
    ask(accounts, two, *[b"%d" % number for number in range(20)])
    assert accounts.largest_changer(0.0) is None, "it holds all that it asked for"
    for _ in range(11):
        ask(accounts, two, b"0")
    assert accounts.largest_changer(0.0) is two
    assert accounts.largest_changer(WINDOW) is None, "that was long ago"


def test_peers_without_a_connection_hold_a_topic_as_often_as_they_asked() -> None:
    accounts, one, *_ = opened()
    assert ask(accounts, None, b"a", b"a") == [
        SubscriptionVerdict.PASS,
        SubscriptionVerdict.REPEATED,
    ]
    accounts.take(b"\x00a", None, 0.0)
    assert accounts.settle() == []
    ask(accounts, one, b"a")
    accounts.take(b"\x00a", None, 0.0)
    assert accounts.settle() == []
    assert accounts.release(one) == [b"a"]


def test_the_end_of_a_connection_takes_nothing_from_those_without_one() -> None:
    accounts, one, *_ = opened()
    ask(accounts, None, b"a")
    ask(accounts, one, b"a")
    accounts.take(b"\x00a", None, 0.0)  # libzmq's own, for the connection
    assert accounts.release(one) == []
    assert accounts.settle() == []
    assert len(accounts) == 1


def test_unsubscribing_what_is_not_held_is_harmless() -> None:
    accounts, one, two, _ = opened()
    ask(accounts, one, b"a")
    for account in (two, None):
        assert accounts.take(b"\x00a", account, 0.0) is SubscriptionVerdict.DROP
    assert accounts.settle() == []
    assert len(accounts) == 1


def test_no_limits_pass_everything() -> None:
    accounts, one, *_ = opened(SubscriptionLimits())
    assert set(ask(accounts, one, *[b"%d" % number for number in range(1000)])) == {
        SubscriptionVerdict.PASS
    }


STEPS = st.tuples(
    st.sampled_from(["ask", "leave", "end"]), st.integers(0, 2), st.binary(max_size=9)
)


@given(st.lists(STEPS))
def test_upstream_has_exactly_what_somebody_holds(steps: list[tuple[str, int, bytes]]) -> None:
    accounts, *peers = opened()
    held: list[set[bytes]] = [set(), set(), set()]
    upstream: set[bytes] = set()

    def end(number: int) -> None:
        upstream.difference_update(accounts.release(peers[number]))
        peers[number], held[number] = accounts.open(0.0), set()

    for what, peer, topic in steps:
        if what == "end":
            end(peer)
        else:
            verdict = accounts.take((b"\x01" if what == "ask" else b"\x00") + topic, peers[peer], 0)
            for number in range(3):
                if peers[number] is accounts.payer:
                    end(number)
            if what == "ask" and verdict in (
                SubscriptionVerdict.PASS,
                SubscriptionVerdict.REPEATED,
            ):
                held[peer].add(topic)
            held[peer].discard(topic) if what == "leave" else None
            if verdict is SubscriptionVerdict.PASS:
                (upstream.add if what == "ask" else upstream.remove)(topic)
        assert upstream == set().union(*held)
        assert (len(accounts), accounts.size) == (len(upstream), sum(map(len, upstream)))
        assert len(accounts) <= LIMITS.count
        assert accounts.size <= LIMITS.size
        for mine in held:
            assert len(mine) <= LIMITS.count_per_peer
            assert sum(map(len, mine)) <= LIMITS.size_per_peer
