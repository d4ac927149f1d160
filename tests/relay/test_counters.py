"""Counters are read while they grow, and a reset moves only the readers' zero."""

from __future__ import annotations

from zmqdev.relay.counters import DIRECTIONS, DROPS, STATISTICS, TURNS_CELL, WIDTH, Counters


def test_every_direction_has_every_statistic() -> None:
    numbers = Counters().read()
    assert tuple(numbers) == DIRECTIONS
    for direction in DIRECTIONS:
        assert list(numbers[direction]) == [statistic.name for statistic in STATISTICS]
        assert set(DROPS) < set(numbers[direction])


def test_a_cell_shows_in_its_own_direction() -> None:
    counters = Counters()
    counters.cells[0] += 3
    counters.cells[WIDTH + 1] += 5
    counters.cells[TURNS_CELL] += 7
    assert counters.read()["forward"]["messages"] == 3
    assert counters.read()["backward"]["bytes"] == 5
    assert counters.turns == 7


def test_a_reset_hides_what_was_and_total_still_has_it() -> None:
    counters = Counters()
    counters.cells[0] += 3
    counters.reset()
    counters.cells[0] += 1
    assert counters.read()["forward"]["messages"] == 1
    assert counters.total()["forward"]["messages"] == 4


def test_the_array_stays_where_it_is() -> None:
    counters = Counters()
    before = counters.address
    counters.reset()
    counters.read()
    assert counters.address == before
    assert before % 8 == 0
