"""Stamps are read back from what was stamped, and from nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.wire.stamp import MOST_FRAMES, STAMP_BYTES, Stamp, read, stamped

STAMP = Stamp(b"source-1", 7, 1_700_000_000_000_000_000)
bodies = st.lists(st.binary(max_size=40), max_size=4)
stamps = st.builds(
    Stamp, st.binary(min_size=8, max_size=8), st.integers(0, 2**64 - 1), st.integers(0, 2**63 - 1)
)


@given(bodies, stamps)
def test_what_is_stamped_is_read_back(frames: list[bytes], stamp: Stamp) -> None:
    message = stamped(frames, stamp)
    assert message[:-1] == frames
    assert len(message[-1]) == STAMP_BYTES
    assert read(message) == stamp


def test_a_routing_id_in_front_does_not_matter() -> None:
    assert read([b"route", b"", *stamped([b"a", b"b"], STAMP)]) == STAMP


@given(bodies.filter(lambda frames: any(frames)), st.data())
def test_a_flipped_bit_is_seen(frames: list[bytes], data: st.DataObject) -> None:
    message = stamped(frames, STAMP)
    at = data.draw(st.sampled_from([n for n, frame in enumerate(message) if frame]))
    place = data.draw(st.integers(0, len(message[at]) * 8 - 1))
    spoilt = bytearray(message[at])
    spoilt[place // 8] ^= 1 << place % 8
    message[at] = bytes(spoilt)
    assert read(message) is None


def test_frames_that_are_joined_or_missing_are_seen() -> None:
    head, tail = stamped([b"ab", b"c"], STAMP)[:-1], stamped([b"ab", b"c"], STAMP)[-1]
    assert head == [b"ab", b"c"]
    for wrong in ([b"a", b"bc"], [b"abc"], [b"c"], [], [b"ab", b"c", b""]):
        assert read([*wrong, tail]) is None


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_message_is_read_or_has_none(message: list[bytes]) -> None:
    found = read(message)
    assert found is None or stamped(message[:-1], found)[-1] == message[-1]


def test_more_frames_than_it_can_speak_for_are_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        stamped([b""] * (MOST_FRAMES + 1), STAMP)
