"""Orders of names: layers, rings, and what can be reached."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from zmqdev.topology.order import components, cycles, layers, reached

NAMES = [f"n{number}" for number in range(8)]
EDGES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=20)


def test_who_comes_first_stands_in_an_earlier_layer() -> None:
    assert layers("abcd", [("b", "a"), ("c", "b"), ("c", "a")]) == [["c", "d"], ["b"], ["a"]]


def test_a_ring_stands_in_one_layer() -> None:
    assert layers("abc", [("a", "b"), ("b", "a"), ("b", "c")]) == [["a", "b"], ["c"]]


def test_rings_are_named_once() -> None:
    edges = [("a", "b"), ("b", "a"), ("c", "c"), ("c", "d")]
    assert cycles("abcd", edges) == [("a", "b"), ("c",)]


def test_a_long_chain_needs_no_deep_stack() -> None:
    names = [str(number) for number in range(5000)]
    edges = list(pairwise(names))
    assert len(layers(names, edges)) == 5000


def test_what_can_be_reached() -> None:
    assert reached(["a"], {"a": ["b"], "b": ["c", "a"], "d": ["e"]}) == {"a", "b", "c"}


@given(EDGES)
def test_every_edge_points_forward_but_those_of_rings(edges: list[tuple[str, str]]) -> None:
    level = {name: n for n, group in enumerate(layers(NAMES, edges)) for name in group}
    ring = {name: n for n, group in enumerate(components(NAMES, edges)) for name in group}
    assert sorted(level) == NAMES
    for one, other in edges:
        assert level[one] < level[other] or ring[one] == ring[other]
