"""When a connection can end: what the bytes that come tell of its sender."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from zmqdev.device.pause import BATCH, LONG_PAUSE, SLICE, SenderPause

FULL = 5 * BATCH


def moments(pieces: Sequence[int]) -> list[int]:
    """The looks, a slice apart, at which it could end; `pieces` is what came in each."""
    came, now, found = 1000, 0.0, []
    pause = SenderPause(came, now)
    for number, piece in enumerate(pieces):
        came, now = came + piece, now + SLICE
        if pause.look(came, 0, now):
            found.append(number)
    return found


@pytest.mark.parametrize(
    ("pieces", "first"),
    [
        ([130, 130], 1),
        ([130, 0, 0, 130], 3),
        ([3000, FULL, 0, FULL + 40, 0], 4),
        ([FULL, 0, FULL, 0, FULL + 1, 0], 5),
        ([0] * 25, round(LONG_PAUSE / SLICE)),
    ],
    ids=["slow", "slower", "a pause after a burst", "kept from running twice", "silent"],
)
def test_it_is_a_moment(pieces: list[int], first: int) -> None:
    found = moments(pieces)
    assert found
    assert abs(found[0] - first) <= 1


@pytest.mark.parametrize(
    "pieces",
    [
        [FULL] * 10,
        [FULL, 0, FULL, 0, FULL, 0],
        [3000, 0, 0, FULL, 0],
        [FULL, 3000, FULL, 3000],
    ],
    ids=["no pause", "in the middle", "the rest of a batch first", "no room between"],
)
def test_it_is_none(pieces: list[int]) -> None:
    assert moments(pieces) == []


def test_where_bytes_are_guessed_only_a_slow_sender_or_a_long_pause_tells() -> None:
    pause, came = SenderPause(0, 0.0, exact=False), 0
    for number, piece in enumerate([FULL, 0, FULL + 40, 0], start=1):
        came += piece
        assert not pause.look(came, 0, number * SLICE)
    assert pause.look(came, 0, number * SLICE + LONG_PAUSE)


def test_what_is_in_the_buffer_is_read_first() -> None:
    pause = SenderPause(0, 0.0)
    assert not any(pause.look(100 * n, 50, n * SLICE) for n in range(1, 10))
