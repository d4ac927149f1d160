"""Where a message goes: the first route that fits, once to each backend, and what is full."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.routing.condition import Condition, FieldMatch, FrameMatch, Larger, Not, holds
from zmqdev.routing.decide import Decision, State, advance, begin
from zmqdev.routing.pattern import parse
from zmqdev.routing.table import Rename, Route, Table

BACKENDS = ("backend", "a", "b", "c")
REST, A, B, C = range(4)


def topic(*patterns: str) -> FrameMatch:
    return FrameMatch(0, tuple(map(parse, patterns)))


def route(*conditions: Condition, to: tuple[int, ...] = (A,), **options: Any) -> Route:
    return Route(options.pop("name", "r"), conditions, to, **options)


def state(*routes: Route, rest: int | None = REST) -> State:
    return State(Table(routes, BACKENDS, rest))


def always(index: int) -> bool:
    return True


def sent(
    of: State, *frames: bytes, room: Callable[[int], bool] = always, now: int = 0
) -> list[tuple[int, list[bytes]]]:
    decision = begin(frames)
    found = step(of, decision, room, now)
    assert decision.done
    return found


def step(
    of: State, decision: Decision, room: Callable[[int], bool], now: int = 0
) -> list[tuple[int, list[bytes]]]:
    """What those that have room get in one step."""
    found: list[tuple[int, list[bytes]]] = []

    def offer(index: int, message: list[bytes]) -> bool:
        taken = room(index)
        if taken:
            found.append((index, message))
        return taken

    advance(of, decision, offer, now)
    return found


def targets(of: State, *frames: bytes, room: Callable[[int], bool] = always) -> list[int]:
    return [target for target, _ in sent(of, *frames, room=room)]


def test_the_first_route_that_fits_takes_it() -> None:
    made = state(route(topic("eu.*")), route(topic("*.1"), to=(B,)))
    assert targets(made, b"eu.1") == [A]
    assert targets(made, b"us.1") == [B]
    assert targets(made, b"us.2") == [REST]
    assert made.unrouted == 1


def test_what_no_route_takes_is_dropped_without_a_rest() -> None:
    made = state(route(topic("eu.*")), rest=None)
    assert targets(made, b"us.1") == []
    assert (made.unrouted, made.dropped) == (1, 1)


def test_a_copy_goes_on_and_no_backend_gets_it_twice() -> None:
    made = state(route(copy=True), route(to=(A, B)), route(to=(C,)))
    assert targets(made, b"x") == [A, B]


def test_a_share_is_even_and_a_share_of_keys_is_always_the_same() -> None:
    made = state(route(share=1000))
    assert [targets(made, b"x") == [A] for _ in range(20)].count(True) == 2
    made = state(route(share=1000, by=0))
    taken = {key for key in range(10_000) if targets(made, b"%d" % key) == [A]}
    assert 800 < len(taken) < 1200
    assert taken == {key for key in range(10_000) if targets(made, b"%d" % key) == [A]}


def test_a_rate_holds_a_second_and_each_key_has_its_own() -> None:
    second = 1_000_000_000
    made = state(route(rate=2, by=0))
    for now in (0, 10 * second):
        assert [sent(made, b"x", now=now)[0][0] for _ in range(4)] == [A, A, REST, REST]
        assert sent(made, b"y", now=now)[0][0] == A
    assert sent(made, b"x", now=10 * second + second // 2)[0][0] == A


def test_hash_gives_each_key_to_one_backend_and_only_its_keys_move() -> None:
    made = state(route(to=(A, B, C), pick="hash", by=0))
    without = state(route(to=(A, B), pick="hash", by=0))
    for number in range(500):
        (target,) = targets(made, b"%d" % number)
        if target != C:
            assert targets(without, b"%d" % number) == [target]


def test_next_takes_turns_and_skips_what_is_full() -> None:
    made = state(route(to=(A, B, C), pick="next"))
    assert [targets(made, b"x")[0] for _ in range(4)] == [A, B, C, A]
    assert targets(made, b"x", room=lambda index: index != B) == [C]


def test_first_prefers_and_overflows_to_the_next_route() -> None:
    made = state(route(to=(A, B), pick="first", on_full="next"), route(to=(C,)))
    assert targets(made, b"x") == [A]
    assert targets(made, b"x", room=lambda index: index != A) == [B]
    assert targets(made, b"x", room=lambda index: index == C) == [C]
    assert made.counts[0].full == 1


def test_drop_counts_what_was_full_and_the_others_have_it() -> None:
    made = state(route(to=(A, B), on_full="drop"))
    assert targets(made, b"x", room=lambda index: index == A) == [A]
    assert made.counts[0].full == 1


def test_a_message_waits_for_those_that_are_full_and_no_other_gets_it_again() -> None:
    made = state(route(to=(A, B, C)))
    decision = begin([b"x"])
    assert [one for one, _ in step(made, decision, lambda index: index == A)] == [A]
    assert (decision.waits, decision.any) == ((B, C), False)
    assert [one for one, _ in step(made, decision, lambda index: index == C)] == [C]
    assert decision.waits == (B,)
    assert [one for one, _ in step(made, decision, always)] == [B]
    assert decision.ended
    assert not decision.waits


def test_any_of_those_it_may_go_to_ends_the_wait() -> None:
    made = state(route(to=(A, B), pick="next"))
    decision = begin([b"x"])
    assert step(made, decision, lambda index: False) == []
    assert decision.any
    assert [one for one, _ in step(made, decision, lambda index: index == B)] == [B]
    assert targets(made, b"x") == [A], "the turn goes on behind the one that took it"


def test_conditions() -> None:
    made = state(
        route(FrameMatch(-1, (parse("end"),))),
        route(FieldMatch((b"n",), (parse("9*"),)), to=(B,)),
        route(Larger(10), to=(C,)),
        route(Not((topic("keep.*"),)), to=()),
    )
    assert targets(made, b"x", b"end") == [A]
    assert targets(made, b"x", b'{"n": 97}') == [B]
    assert targets(made, b"x" * 11) == [C]
    assert targets(made, b"other") == []
    assert targets(made, b"keep.1") == [REST]


def test_a_missing_frame_fits_nothing_and_its_negation_fits() -> None:
    third = FrameMatch(2, (parse("*"),))
    assert targets(state(route(third)), b"x") == [REST]
    assert targets(state(route(Not((third,)))), b"x") == [A]


def test_a_new_name_keeps_what_the_star_matched() -> None:
    rename = Rename(b"berlin/line", True, b"/temperature")
    made = state(route(topic("line*/temp"), rename=rename))
    assert sent(made, b"line3/temp", b"20") == [(A, [b"berlin/line3/temperature", b"20"])]


def test_an_envelope_is_no_matter_of_the_routes() -> None:
    made = state(route(topic("x"), rename=Rename(b"y")))
    decision = begin([b"peer", b"", b"x"], envelope=2)
    assert step(made, decision, always) == [(A, [b"peer", b"", b"y"])]


def test_a_table_that_is_read_again_goes_on_counting() -> None:
    before = state(route(topic("x"), name="one"), route(topic("y"), name="two"))
    targets(before, b"y")
    after = state(route(topic("y"), name="two"), route(topic("z"), name="three"))
    after.follow(before)
    assert [counts.messages for counts in after.counts] == [1, 0]


CONDITIONS = st.sampled_from(
    [(), (topic("a*"),), (topic("b?", "c"),), (Not((topic("a*"),)),), (Larger(2),)]
)
ROUTES = st.builds(
    Route,
    st.just("r"),
    CONDITIONS,
    st.lists(st.sampled_from([A, B, C]), unique=True, max_size=3).map(tuple),
    st.sampled_from(["all", "first", "next", "hash"]),
    st.booleans(),
    st.sampled_from(["block", "drop", "next"]),
    st.sampled_from([10_000, 5000]),
    st.sampled_from([0, 3]),
    st.sampled_from([None, 0]),
)


@given(
    st.lists(ROUTES, max_size=6),
    st.lists(st.text("abc", max_size=3), max_size=20),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_for_any_routes_each_backend_has_a_message_once_and_the_counts_add_up(
    routes: list[Route], messages: list[str], rest: bool, chance: Any
) -> None:
    made = State(Table(tuple(routes), BACKENDS, REST if rest else None))
    taken = 0
    for now, text in enumerate(messages):
        decision, given_to = Decision((), [text.encode()]), []
        while True:
            given_to += [
                one for one, _ in step(made, decision, lambda _: chance.random() < 0.5, now)
            ]
            if not decision.waits:
                break
        assert decision.done
        assert len(given_to) == len(set(given_to)) == decision.delivered
        assert decision.delivered or decision.lost
    taken = sum(
        counts.messages
        for counts, one in zip(made.counts, routes, strict=True)
        if not one.copy and one.on_full != "next"
    )
    passed_on = any(one.on_full == "next" for one in routes)
    if not passed_on:
        assert taken + made.unrouted == len(messages)


@pytest.mark.parametrize(
    ("key", "index"), [(b"AAPL", 2), (b"MSFT", 2), (b"", 2), (b"ACME", 0), (b"user-17", 0)]
)
def test_vectors_of_the_hash(key: bytes, index: int) -> None:
    """As the documentation has them: other programs can compute who has a key."""
    made = state(route(to=(A, B, C), pick="hash", by=0))
    assert targets(made, key) == [(A, B, C)[index]]


@given(
    st.lists(st.text(r"a*?", min_size=1, max_size=4), min_size=1, max_size=3),
    st.text("ab", max_size=4),
)
def test_a_first_frame_that_begins_otherwise_fits_no_pattern(
    patterns: list[str], text: str
) -> None:
    one = route(topic(*patterns))
    if holds(one.conditions, [text.encode()]):
        assert text.encode().startswith(one.starts)
