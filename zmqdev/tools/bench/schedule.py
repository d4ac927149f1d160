"""Whose turn it is: every round runs each once, and each is at every place in turn.

So what is slow in the machine (a neighbour, its clock, its cache) meets all alike,
and nobody always runs behind the same one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def alternated(between: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """(round, what runs), rounds from 0."""
    for turn in range(rounds):
        first = turn % len(between)
        for name in (*between[first:], *between[:first]):
            yield turn, name
