"""Numbers in messages: a sender only takes slices, a receiver finds every hole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.tools.bench.party.ring import Follower, Ring, number_of, ring_length

SIZES = [8, 16, 4096, 65536, 1 << 20]


@pytest.mark.parametrize("size", SIZES)
def test_slices_go_round_and_have_the_size(size: int) -> None:
    ring = Ring(size)
    start = 3 * ring.length - 1
    numbers = [number_of(message) for message in ring.slice(start, 2)]
    assert numbers == [ring.length - 1, 0][: ring.burst]
    assert all(len(body) == size for (body,) in ring.slice(5, ring.burst))
    assert len(ring.slice(0, 10_000)) == ring.burst


def test_sender_and_receiver_agree_on_the_length() -> None:
    assert Ring(16, 4000).length == ring_length(16, 4000) == 8000


@given(bursts=st.lists(st.integers(1, 500), min_size=1, max_size=40))
def test_nothing_missing_is_no_break(bursts: list[int]) -> None:
    ring, follower, sent = RING, Follower(RING.length), 0
    for count in bursts:
        follower.take(ring.slice(sent, count))
        sent += count
    assert (follower.breaks, follower.next) == (0, sent)


@given(before=st.integers(1, 500), hole=st.integers(1, 3000), after=st.integers(1, 500))
def test_a_hole_between_bursts_is_found_and_passed_over(before: int, hole: int, after: int) -> None:
    follower = Follower(RING.length)
    follower.take(RING.slice(0, before))
    follower.take(RING.slice(before + hole, after))
    assert (follower.breaks, follower.next) == (1, before + hole + after)


def test_a_hole_in_a_burst_and_a_wrong_order_are_breaks() -> None:
    messages = RING.slice(0, 100)
    for wrong in (messages[:50] + messages[51:], messages[50:] + messages[:50]):
        follower = Follower(RING.length)
        follower.take(wrong)
        assert follower.breaks == (1 if wrong[0] is messages[0] else 2)


RING = Ring(16)
