"""Lost, doubled, reordered: counted right whatever the order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zmqdev.endpoints import delivery
from zmqdev.endpoints.delivery import Delivery


def fed(*numbers: int) -> Delivery:
    made = Delivery()
    for number in numbers:
        made.take(b"a", number)
    return made


def told(made: Delivery) -> tuple[int, int, int, int]:
    return made.received, made.lost, made.doubled, made.reordered


def test_all_in_order_is_all_well() -> None:
    assert told(fed(0, 1, 2, 3)) == (4, 0, 0, 0)


def test_a_gap_is_lost_until_it_comes_late() -> None:
    assert told(fed(0, 3)) == (2, 2, 0, 0)
    assert told(fed(0, 3, 1)) == (3, 1, 0, 1)
    assert told(fed(0, 3, 1, 2)) == (4, 0, 0, 2)


def test_the_same_again_is_doubled() -> None:
    assert told(fed(0, 1, 1, 0)) == (2, 0, 2, 0)
    assert told(fed(0, 3, 1, 1)) == (3, 1, 1, 1)


def test_what_was_sent_before_the_first_is_not_lost() -> None:
    assert told(fed(100, 101)) == (2, 0, 0, 0)


def test_sources_are_told_apart() -> None:
    made = fed(0, 1)
    made.take(b"b", 0)
    made.take(b"b", 2)
    assert (made.received, made.lost, len(made.sources)) == (4, 1, 2)


def test_gaps_are_bounded_and_none_is_forgotten(monkeypatch: object) -> None:
    made = fed(*range(0, 4 * delivery.MOST_GAPS, 2))
    assert len(made.sources[b"a"].gaps) == delivery.MOST_GAPS
    assert made.lost == 2 * delivery.MOST_GAPS - 1


@given(st.lists(st.integers(0, 30), min_size=1, max_size=80))
def test_it_agrees_with_sets(numbers: list[int]) -> None:
    """After a first 0, so that all that is missing is lost."""
    made = fed(0, *numbers)
    seen = {0, *numbers}
    assert made.received == len(seen)
    assert made.lost == max(seen) + 1 - len(seen)
    assert made.doubled == len(numbers) + 1 - len(seen)
