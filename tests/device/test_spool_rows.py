"""A burst is one blob with a checksum, and comes back as it was."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.device.spool_rows import batch_of, burst_of, cost, joined, pack, row_of, unpack

MESSAGES = st.lists(st.lists(st.binary(max_size=50), min_size=1, max_size=4), max_size=30)


@given(MESSAGES)
def test_what_is_packed_is_unpacked(messages: list[list[bytes]]) -> None:
    assert [list(message) for message in unpack(pack(messages))] == messages


@given(MESSAGES, st.integers(0, 1 << 62))
def test_a_row_is_a_burst_again(messages: list[list[bytes]], key: int) -> None:
    burst = burst_of(row_of(key, messages))
    assert burst.messages is not None
    assert [list(message) for message in burst.messages] == messages
    assert (burst.key, burst.count) == (key, len(messages))


def test_a_flipped_bit_anywhere_is_found() -> None:
    row = row_of(7, [[b"one", b"two"], [b"three"]])
    for at in range(len(row[3]) * 8):
        body = bytearray(row[3])
        body[at // 8] ^= 1 << at % 8
        assert burst_of((*row[:3], bytes(body), row[4])).messages is None
    draw = random.Random(1)
    for place in (0, 1, 2, 4):
        values: list[object] = list(row)
        values[place] = int(row[place]) ^ (1 << draw.randrange(20))
        assert burst_of(tuple(values)).messages is None, place
    for wrong in (None, "text", 1.5):
        assert burst_of((*row[:3], wrong, row[4])).messages is None
        assert burst_of((row[0], wrong, *row[2:])).messages is None


@given(st.binary(max_size=40))
def test_garbage_is_refused_and_nothing_else_happens(body: bytes) -> None:
    try:
        unpack(body)
    except ValueError:
        return
    assert pack(unpack(body)) == body


@given(st.lists(MESSAGES.filter(bool), max_size=8), st.integers(1, 40), st.integers(1, 500))
def test_small_batches_share_a_row_in_order(
    batches: list[list[list[bytes]]], most: int, largest: int
) -> None:
    rows = joined([batch_of(batch) for batch in batches], most, largest)
    assert [message for row in rows for message in row] == [m for b in batches for m in b]
    longest = max((len(batch) for batch in batches), default=0)
    assert all(len(row) <= max(most, longest) for row in rows)


@pytest.mark.parametrize("size", [0, 100, 2000, 4000, 5000, 100_000])
def test_the_cost_is_what_it_takes_on_disk(size: int) -> None:
    assert size < cost(size) <= size + 48 + 4096 + size // 1000 * 4
