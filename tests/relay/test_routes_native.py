"""The C half decides as the pure part does, for any routes and messages."""

from __future__ import annotations

import importlib
import json
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.any_routes import CHANCES, SECOND, Chance
from support.examples import examples

from zmqdev.relay import NATIVE
from zmqdev.relay.compiled import compiled
from zmqdev.routing import json_field
from zmqdev.routing.condition import FrameMatch
from zmqdev.routing.decide import Decision, State, advance, begin
from zmqdev.routing.pattern import parse
from zmqdev.routing.rendezvous import fnv1a
from zmqdev.routing.table import Rename, Route, Table

pytestmark = pytest.mark.skipif(not NATIVE, reason="the C half is not used")
LOST = ("", "route", "unrouted", "full")
Step = tuple[list[tuple[int, list[bytes]]], tuple[int, ...], bool, bool, str]


def native_state(table: Table, before: Any = None) -> Any:
    return importlib.import_module("zmqdev.relay.native_routed").NativeState(table, before)


def in_c(state: Any, message: list[bytes] | None, envelope: int, now: int, room: bytes) -> Step:
    frames = None if message is None else tuple(message)
    given, waits, any_, done, lost = state.decide(frames, envelope, now, room)
    return given, tuple(waits), any_ and bool(waits), done, LOST[lost]


def in_python(state: State, decision: Decision, now: int, room: bytes) -> Step:
    found: list[tuple[int, list[bytes]]] = []

    def offer(index: int, message: list[bytes]) -> bool:
        if room[index]:
            found.append((index, list(message)))
        return bool(room[index])

    advance(state, decision, offer, now)
    waits = decision.waits
    return found, waits, decision.any and bool(waits), decision.done, decision.lost


def compare(chance: Chance, pure: State, native: Any, messages: int) -> None:
    """The same messages to both, with the same backends full, each to its end."""
    now = 0
    for _ in range(messages):
        message, now = chance.message(), now + chance.choice((0, SECOND // 5, SECOND))
        envelope = min(len(message), chance.choice((0, 0, 1)))
        decision = begin(message, envelope)
        given: list[bytes] | None = message
        for attempt in range(20):
            room = chance.room() if attempt < 3 else b"\1" * 5
            told = in_python(pure, decision, now, room)
            assert in_c(native, given, envelope, now, room) == told
            given = None
            if told[3]:
                break
        assert decision.done
    assert native.counts == pure.counts
    assert (native.unrouted, native.dropped) == (pure.unrouted, pure.dropped)
    assert native.full == pure.full


@settings(max_examples=examples(150), deadline=None)
@given(CHANCES)
def test_it_decides_as_the_pure_part(chance: Chance) -> None:
    table = chance.table(0, 6)
    compare(chance, State(table), native_state(table), 30)


@settings(max_examples=examples(40), deadline=None)
@given(CHANCES)
def test_it_decides_the_same_with_many_routes(chance: Chance) -> None:
    table = chance.table(12, 90)
    compare(chance, State(table), native_state(table), 30)


@settings(max_examples=examples(40), deadline=None)
@given(CHANCES)
def test_it_decides_the_same_after_other_routes_were_read(chance: Chance) -> None:
    pure: State = State(chance.table(0, 8))
    native = native_state(pure.table)
    for _ in range(4):
        compare(chance, pure, native, 10)
        after = State(chance.table(0, 8))
        after.follow(pure)
        pure, native = after, native_state(after.table, native)


PREFIXES = st.lists(st.text("ab.", min_size=1, max_size=5), min_size=12, max_size=90, unique=True)


@settings(max_examples=examples(60), deadline=None)
@given(PREFIXES, st.lists(st.text("ab.", max_size=7), max_size=20), st.integers(0, 90))
def test_of_many_prefixes_the_first_route_that_fits_is_found(
    prefixes: list[str], topics: list[str], general: int
) -> None:
    patterns = [f"{prefix}*" for prefix in prefixes]
    patterns.insert(general, "*.b")
    routes = [Route(one, (FrameMatch(0, (parse(one),)),), (1,)) for one in patterns]
    table = Table(tuple(routes), ("backend", "a"))
    pure, native = State(table), native_state(table)
    for topic in topics:
        frames = [topic.encode()]
        told = in_python(pure, begin(frames), 0, b"\1\1")
        assert in_c(native, frames, 0, 0, b"\1\1") == told
    assert native.counts == pure.counts


def test_a_rate_forgets_the_key_that_was_used_longest_ago() -> None:
    """More keys for eight neighbours than there are places."""
    keys: dict[int, list[bytes]] = {}
    for number in range(400_000):
        key = b"%d" % number
        keys.setdefault(fnv1a(key) % 65_536, []).append(key)
    crowd = [key for place in range(100, 110) for key in keys.get(place, [])]
    table = Table((Route("r", (), (1,), rate=1, by=0),), ("backend", "a"))
    pure, native = State(table), native_state(table)
    for now, key in enumerate(crowd * 4):
        told = in_python(pure, begin([key]), now, b"\1\1")
        assert in_c(native, [key], 0, now, b"\1\1") == told
    assert native.counts == pure.counts
    assert native.counts[0].messages > len(crowd), "some were forgotten and taken again"


PIECES = (
    *(b"{", b"}", b"[", b"]", b'"', b":", b",", b" ", b"a", b"b", b"1", b"\\", b"u0061", b"\n"),
    *(b'"a"', b'{"a":', b"\\ud83d", b"\\ude00", b"\\u00e4", b"\xff", b'\\"', b"\\n", b"\\u"),
)
JSON_BYTES = st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join)


@settings(max_examples=examples(600), deadline=None)
@given(JSON_BYTES | st.binary(max_size=40), st.sampled_from([(b"a",), (b"a", b"a"), (b"",)]))
def test_it_reads_any_text_as_the_pure_part(text: bytes, path: tuple[bytes, ...]) -> None:
    native = importlib.import_module("zmqdev.relay.native")._native
    assert native.json_field(text, path) == json_field.field(text, path)
    begun = b'{"x": ' + text + b', "a": ' + text + b"}"
    assert native.json_field(begun, path) == json_field.field(begun, path)


@settings(max_examples=examples(100), deadline=None)
@given(st.text(), st.text(), st.booleans())
def test_names_and_values_with_escapes(name: str, value: str, ascii: bool) -> None:
    try:
        text = json.dumps({"": [{}], name: value}, ensure_ascii=ascii).encode()
        path = (name.encode(),)
    except UnicodeEncodeError:
        return
    native = importlib.import_module("zmqdev.relay.native")._native
    assert native.json_field(text, path) == json_field.field(text, path)


@pytest.mark.parametrize("deep", [63, 64, 65, 10_000])
def test_depth_has_the_same_end(deep: int) -> None:
    text = b'{"x": ' + b"[" * deep + b"]" * deep + b', "a": 1}'
    native = importlib.import_module("zmqdev.relay.native")._native
    assert native.json_field(text, (b"a",)) == json_field.field(text, (b"a",))
    assert (native.json_field(text, (b"a",)) == b"1") == (deep <= 64)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table[:-1],
        lambda table: (*table[:3], ((),), *table[4:]),
        lambda table: (*table[:4], ((b"a", (9,)),), *table[5:]),
        lambda table: (*table[:5], (9,), *table[6:]),
        lambda table: (*table[:6], 9, *table[7:]),
        lambda table: ((7,), *table[1:]),
        lambda table: (table[0], ("x",), *table[2:]),
        lambda table: (*table[:3], ((*table[3][0][:1], (9,), *table[3][0][2:]),), *table[4:]),
        lambda table: (*table[:3], ((*table[3][0][:1], (0, 0, 0), *table[3][0][2:]),), *table[4:]),
    ],
)
def test_a_wrong_table_is_refused(change: Callable[[Any], Any]) -> None:
    native = importlib.import_module("zmqdev.relay.native")._native
    route = Route("r", (FrameMatch(0, (parse("a*"),)),), (1,), rename=Rename(b"x"))
    cells = array("Q", bytes(24))
    made = compiled(Table((route,), ("backend", "a")), [cells], array("Q", bytes(32)))
    native.Routes(made)
    with pytest.raises((TypeError, ValueError, IndexError, SystemError)):
        native.Routes(change(made))
