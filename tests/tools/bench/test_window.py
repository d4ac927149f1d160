"""The pace at which nothing is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zmqdev.tools.bench.party.publishing import LEAST, Window


def test_a_loss_halves_it_once_for_what_was_on_its_way() -> None:
    window = Window(4000)
    assert window.lost(1000)
    assert window.size == 2000
    assert not window.lost(4999)
    assert window.lost(5000)
    assert window.size == 1000


@given(st.integers(LEAST, 100_000), st.lists(st.integers(0, 10_000_000)))
def test_it_never_grows_and_never_closes(most: int, losses: list[int]) -> None:
    window = Window(most)
    for at in sorted(losses):
        before = window.size
        assert window.lost(at) == (window.size < before)
        assert LEAST <= window.size <= before
