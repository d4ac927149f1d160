"""Ticks walk at random, in cents, and never to nothing."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from zmqdev.endpoints.ticks import SYMBOLS, Ticks


def test_every_symbol_has_its_turn() -> None:
    names = [tick.split()[0].decode() for tick in Ticks(1).take(2 * len(SYMBOLS))]
    assert names == 2 * list(SYMBOLS)


def test_the_same_seed_gives_the_same_ticks() -> None:
    assert Ticks(7).take(50) == Ticks(7).take(50)
    assert Ticks(7).take(50) != Ticks(8).take(50)


def test_taking_in_parts_changes_nothing() -> None:
    ticks = Ticks(3)
    assert ticks.take(3) + ticks.take(4) == Ticks(3).take(7)


def test_prices_move() -> None:
    assert len(set(Ticks(1).take(500))) > 250


@given(st.integers())
def test_a_tick_is_a_symbol_and_a_price_above_zero(seed: int) -> None:
    for tick in Ticks(seed).take(100):
        assert re.fullmatch(rb"[A-Z]{4} \d+\.\d\d", tick)
        assert float(tick.split()[1]) > 0
