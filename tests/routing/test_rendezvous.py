"""The hash is a published one, spreads evenly, and moves no more keys than it must."""

from __future__ import annotations

import pytest

from zmqdev.routing.rendezvous import choose, fnv1a, share_of


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"", 0xCBF29CE484222325),
        (b"a", 0xAF63DC4C8601EC8C),
        (b"foobar", 0x85944171F73967E8),
    ],
)
def test_vectors_of_fnv(data: bytes, value: int) -> None:
    """From the draft of Fowler, Noll and Vo."""
    assert fnv1a(data) == value


def test_keys_spread_evenly() -> None:
    names = [fnv1a(b"worker-%d" % number) for number in range(5)]
    chosen = [choose(b"key-%d" % number, names) for number in range(5000)]
    assert all(900 < chosen.count(index) < 1100 for index in range(5))
    shares = [share_of(b"key-%d" % number) for number in range(5000)]
    assert 400 < sum(share < 1000 for share in shares) < 600
