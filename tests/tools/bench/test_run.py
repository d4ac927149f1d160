"""Everybody runs in every round, and nobody always at the same place."""

from __future__ import annotations

from zmqdev.tools.bench.run import alternated


def test_each_runs_once_in_each_round_and_the_first_changes() -> None:
    order = list(alternated(("a", "b", "c"), 4))
    assert order == [
        *((0, name) for name in "abc"),
        *((1, name) for name in "bca"),
        *((2, name) for name in "cab"),
        *((3, name) for name in "abc"),
    ]


def test_one_alone_is_repeated() -> None:
    assert list(alternated(("a",), 2)) == [(0, "a"), (1, "a")]
