"""The checksum of a request's row, which has a short way, is that of every row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zmqdev.broker.record import Kept
from zmqdev.broker.store_rows import checksum, kept_of, request_row

BYTES = st.binary(max_size=40)
RECORDS = st.builds(
    Kept,
    st.integers(-(1 << 40), 1 << 40),
    st.none() | BYTES,
    BYTES,
    st.floats(allow_nan=False),
    st.integers(0, 1000),
    st.lists(BYTES).map(tuple),
)


@given(RECORDS)
def test_a_row_is_the_record_again(kept: Kept) -> None:
    row = request_row(kept)
    assert row[-1] == checksum(*row[:-1])
    assert kept_of(row) == kept


@given(RECORDS, st.integers(0, 6), st.none() | st.text() | st.floats() | st.integers() | BYTES)
def test_another_value_in_its_place_is_found(kept: Kept, at: int, other: object) -> None:
    row = request_row(kept)
    damaged = (*row[:at], other, *row[at + 1 :])
    found = kept_of(damaged)
    assert found is None or (other == row[at] and found == kept)
