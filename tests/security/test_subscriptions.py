"""The accounts of subscriptions: what passes, what is dropped, who is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zmqdev.security.subscriptions import SubscriptionLimits, Subscriptions, Verdict

LIMITS = SubscriptionLimits(topic_length=10, count=6, count_per_peer=4, size=40, size_per_peer=20)


def subscribed(*topics: bytes, peer: int = 1) -> Subscriptions:
    accounts = Subscriptions(LIMITS)
    for topic in topics:
        assert accounts.take(b"\x01" + topic, True, peer) is Verdict.PASS
    return accounts


def test_what_is_no_subscription_is_told() -> None:
    accounts = Subscriptions(LIMITS)
    for message, whole in ((b"", True), (b"\x02x", True), (b"\x01x", False)):
        assert accounts.take(message, whole, 1) is Verdict.NOT_SUBSCRIPTION


def test_a_topic_over_the_limit_is_told() -> None:
    assert Subscriptions(LIMITS).take(b"\x01" + b"x" * 11, True, 1) is Verdict.TOO_LONG


def test_a_peer_over_its_number_is_cut_and_another_is_not() -> None:
    accounts = subscribed(b"a", b"b", b"c", b"d")
    assert accounts.take(b"\x01e", True, 1) is Verdict.CUT
    assert accounts.take(b"\x01e", True, 2) is Verdict.PASS


def test_a_peer_over_its_bytes_is_cut() -> None:
    accounts = subscribed(b"a" * 10, b"b" * 10)
    assert accounts.take(b"\x01c", True, 1) is Verdict.CUT


def test_all_together_have_a_limit() -> None:
    accounts = subscribed(b"a", b"b", b"c", b"d")
    for topic in (b"e", b"f"):
        accounts.take(b"\x01" + topic, True, 2)
    assert accounts.take(b"\x01g", True, 3) is Verdict.CUT


def test_a_topic_that_is_there_costs_nobody_anything() -> None:
    accounts = subscribed(b"a", b"b", b"c", b"d")
    assert accounts.take(b"\x01a", True, 1) is Verdict.PASS
    assert len(accounts) == 4


def test_a_peer_that_leaves_gives_back_what_it_held() -> None:
    """libzmq unsubscribes its topics with no word of whose they were."""
    accounts = subscribed(b"a", b"b", b"c", b"d")
    for topic in (b"a", b"b", b"c", b"d"):
        assert accounts.take(b"\x00" + topic, True, -1) is Verdict.PASS
    assert (len(accounts), accounts.size) == (0, 0)
    assert accounts.take(b"\x01e", True, 1) is Verdict.PASS


def test_the_next_peer_with_the_same_descriptor_has_an_account_of_its_own() -> None:
    accounts = subscribed(b"a", b"b", b"c", b"d")
    assert accounts.take(b"\x01e", True, 1) is Verdict.CUT
    accounts.disown(1)
    assert accounts.take(b"\x01e", True, 1) is Verdict.PASS
    for topic in (b"a", b"b", b"c", b"d"):
        assert accounts.take(b"\x00" + topic, True, -1) is Verdict.PASS
    assert len(accounts) == 1


def test_unsubscribing_what_never_passed_changes_nothing() -> None:
    assert Subscriptions(LIMITS).take(b"\x00a", True, 1) is Verdict.DROP


def test_no_limits_pass_everything() -> None:
    accounts = Subscriptions(SubscriptionLimits())
    for number in range(1000):
        assert accounts.take(b"\x01%d" % number, True, 1) is Verdict.PASS


@given(
    st.lists(st.tuples(st.sampled_from(b"\x00\x01\x02"), st.binary(max_size=12), st.integers(0, 3)))
)
def test_the_limits_hold_and_the_sums_are_right(steps: list[tuple[int, bytes, int]]) -> None:
    accounts = Subscriptions(LIMITS)
    held: dict[bytes, int] = {}
    for kind, topic, peer in steps:
        verdict = accounts.take(bytes((kind,)) + topic, True, peer)
        if verdict is Verdict.PASS and kind == 1:
            held.setdefault(topic, peer)
        elif verdict is Verdict.PASS:
            del held[topic]
        assert len(accounts) == len(held) <= LIMITS.count
        assert accounts.size == sum(map(len, held)) <= LIMITS.size
        for one in range(4):
            mine = [topic for topic, owner in held.items() if owner == one]
            assert len(mine) <= LIMITS.count_per_peer
            assert sum(map(len, mine)) <= LIMITS.size_per_peer
