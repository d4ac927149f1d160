"""A relay with routes in both halves: who gets what, what waits, what is counted."""

from __future__ import annotations

import importlib
import inspect
import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from relay.conftest import halves, wait_until

from zmqdev.relay import Counters, Lane
from zmqdev.relay.counters import DROPS
from zmqdev.relay.target import Target
from zmqdev.routing.condition import FieldMatch, FrameMatch
from zmqdev.routing.dry import DryRun
from zmqdev.routing.pattern import parse
from zmqdev.routing.table import Rename, Route, Table

Context = zmq.Context[zmq.Socket[bytes]]
PLACES = itertools.count()
NAMES = ("backend", "a", "b")
REST, A, B = range(3)
TOPICS = (b"eu.1", b"us.1", b"x")
QUICK = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(params=halves())
def kind(request: pytest.FixtureRequest) -> Any:
    """RoutedRelay of one half."""
    module = "routed" if request.param == "python" else "native_routed"
    return importlib.import_module(f"zmqdev.relay.{module}").RoutedRelay


@pytest.fixture(scope="module")
def own() -> Iterator[Context]:
    made: Context = zmq.Context()
    yield made
    made.destroy(linger=0)


class FanBench:
    """A relay in a thread, a reader at each backend with a mark of its own, and what they got."""

    def __init__(
        self, kind: Any, context: Context, table: Table, hwm: int = 0, **options: Any
    ) -> None:
        self.context, self.counters = context, Counters()
        self.sockets: list[Any] = []
        types = options.pop("types", (zmq.PUSH, zmq.PULL, zmq.PUSH, zmq.PULL))
        self.source, frontend = self.pair(types[0], types[1], 0)
        ends = [self.pair(types[3], types[2], hwm) for _ in table.backends]
        self.readers = [reader for reader, _ in ends]
        self.waker, wake = self.pair(zmq.PAIR, zmq.PAIR, 0)
        options.setdefault("backward", Lane(enabled=False))
        self.targets = [
            Target(name, end[1]) for name, end in zip(table.backends, ends, strict=True)
        ]
        self.relay = kind(frontend, self.targets, wake, self.counters, table, **options)
        self.got = [Counter[bytes]() for _ in table.backends]
        self.thread = threading.Thread(target=self.relay.run)

    def pair(self, outer: int, inner: int, hwm: int) -> tuple[Any, Any]:
        one, other = self.context.socket(outer), self.context.socket(inner)
        for socket in (one, other):
            socket.set(zmq.SNDHWM, hwm)
            socket.set(zmq.RCVHWM, hwm)
            socket.set(zmq.LINGER, 0)
        address = f"inproc://routed-{next(PLACES)}"
        self.sockets += [one, other]
        one.bind(address)
        other.connect(address)
        return one, other

    def read(self, which: int) -> bool:
        if not self.readers[which].poll(0):
            return False
        self.got[which][self.readers[which].recv_multipart()[-1]] += 1
        return True

    def drained(self) -> list[Counter[bytes]]:
        """What the readers have, with all that is there now."""
        for which in range(len(self.readers)):
            while self.read(which):
                pass
        return self.got

    def forward(self) -> dict[str, int]:
        return self.counters.total()["forward"]

    def counted(self) -> int:
        counts = self.forward()
        return counts["messages"] + sum(counts[reason] for reason in DROPS)

    def routes(self) -> list[tuple[int, int]]:
        return [(counts.messages, counts.full) for counts in self.relay.state.counts]

    def __enter__(self) -> FanBench:
        self.thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.waker.send(b"")
        self.thread.join(60)
        alive = self.thread.is_alive()
        if not alive:
            self.relay.close()
            for socket in self.sockets:
                socket.close(0)
        assert not alive, "the relay does not hear its wake socket"


def topic(*patterns: str) -> tuple[FrameMatch, ...]:
    return (FrameMatch(0, tuple(map(parse, patterns))),)


ANY_TOPIC = st.sampled_from(["eu.*", "*.1", "*", "y"]).map(topic)
ANY_TARGETS = st.lists(st.sampled_from([REST, A, B]), unique=True, max_size=3).map(tuple)
# Where the targets of these stand does not hang on who has room.
CERTAIN = st.builds(
    Route,
    *(st.just("r"), ANY_TOPIC, ANY_TARGETS, st.sampled_from(["all", "hash"])),
    *(st.booleans(), st.just("block"), st.sampled_from([10_000, 5_000])),
)
ANY_ROUTE = st.builds(
    Route,
    *(st.just("r"), ANY_TOPIC, ANY_TARGETS, st.sampled_from(["all", "first", "next", "hash"])),
    *(st.booleans(), st.sampled_from(["block", "drop", "next"])),
)


@QUICK
@given(
    routes=st.lists(CERTAIN, max_size=4),
    messages=st.lists(st.sampled_from(TOPICS), max_size=30),
    hwm=st.integers(1, 4),
    rest=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_each_backend_gets_exactly_what_the_pure_part_says(
    kind: Any,
    own: Context,
    routes: list[Route],
    messages: list[bytes],
    hwm: int,
    rest: bool,
    seed: int,
) -> None:
    table, chance = Table(tuple(routes), NAMES, REST if rest else None), Random(seed)
    run, expected = DryRun(table), [Counter[bytes]() for _ in NAMES]
    for message in messages:
        for name in run.send([message]).to:
            if name in NAMES:
                expected[NAMES.index(name)][message] += 1
    with FanBench(kind, own, table, hwm) as bench:
        for message in messages:
            bench.source.send(message)
            bench.read(chance.randrange(3))
        wait_until(lambda: bench.drained() == expected and bench.counted() == len(messages))
        assert bench.drained() == expected
        got = [target.counts()["messages"] for target in bench.targets]
        assert got == [sum(found.values()) for found in expected]


@QUICK
@given(
    routes=st.lists(ANY_ROUTE, max_size=5),
    topics=st.lists(st.sampled_from(TOPICS), max_size=40),
    hwm=st.integers(1, 4),
    rest=st.sampled_from([REST, A, None]),
    seed=st.integers(0, 1000),
)
def test_whoever_is_full_each_message_is_counted_once_and_no_backend_has_it_twice(
    kind: Any,
    own: Context,
    routes: list[Route],
    topics: list[bytes],
    hwm: int,
    rest: int | None,
    seed: int,
) -> None:
    table, chance = Table(tuple(routes), NAMES, rest), Random(seed)
    with FanBench(kind, own, table, hwm) as bench:
        for number, first in enumerate(topics):
            bench.source.send_multipart([first, b"%d" % number])
            bench.read(chance.randrange(3))
        wait_until(lambda: bench.drained() and bench.counted() == len(topics))
        got = bench.drained()
    assert all(set(found.values()) <= {1} for found in got)
    counts = [target.counts() for target in bench.targets]
    assert [one["messages"] for one in counts] == [len(found) for found in got]
    assert bench.forward()["messages"] == len(set().union(*got)), "passed on: one or more has it"


def test_fifty_new_tables_under_load_lose_and_double_nothing(kind: Any, own: Context) -> None:
    tables = [Table((Route("r", (), (target,)),), NAMES, None) for target in range(3)]
    count = 20_000
    with FanBench(kind, own, tables[0], 100) as bench:
        for number in range(count):
            bench.source.send(b"%d" % number)
            if number % (count // 50) == 0:
                bench.relay.renew(tables[number // (count // 50) % 3])
            for which in range(3):
                bench.read(which)
        wait_until(lambda: sum(map(len, bench.drained())) == count)
        whole = sum(bench.got, Counter[bytes]())
        assert set(whole.values()) == {1}
        wait_until(lambda: bench.counted() == count)
        assert bench.forward()["messages"] == count
        assert bench.relay.state.counts[0].messages == count
        assert all(bench.got)


def test_a_held_message_ends_under_the_routes_that_it_began_with(kind: Any, own: Context) -> None:
    before = Table((Route("r", (), (A, B)),), NAMES, None)
    after = Table((Route("other", (), (REST,)),), NAMES, None)
    with FanBench(kind, own, before, 1) as bench:
        for number in range(10):
            bench.source.send(b"%d" % number)
        wait_until(lambda: bench.forward()["blocked_ns"])
        bench.relay.renew(after)
        wait_until(lambda: sum(map(len, bench.drained())) + len(bench.got[A]) >= 10)
        wait_until(lambda: bench.drained() and bench.counted() == 10)
        bench.drained()
        assert bench.got[A] == bench.got[B]
        assert bench.got[REST] == Counter(b"%d" % n for n in range(10)) - bench.got[A]
        assert bench.relay.state.table is after


def test_every_route_of_some_frames_has_its_new_name(kind: Any, own: Context) -> None:
    routes = (
        Route("1", topic("line*/temp"), (A,), rename=Rename(b"site/", True, b"/t"), copy=True),
        Route("2", topic("*"), (A, B), rename=Rename(b"new/", True)),
    )
    with FanBench(kind, own, Table(routes, NAMES, None)) as bench:
        bench.source.send_multipart([b"line7/temp", b"body", b""])
        bench.source.send_multipart([b"x", b"y" * 100])
        a, b = bench.readers[A], bench.readers[B]
        assert a.recv_multipart() == [b"site/7/t", b"body", b""]
        assert b.recv_multipart() == [b"new/line7/temp", b"body", b""]
        for reader in (a, b):
            assert reader.recv_multipart() == [b"new/x", b"y" * 100]
        wait_until(lambda: bench.counted() == 2)
        assert bench.forward()["bytes"] == 14 + 101, "as they came"
        assert bench.targets[A].counts()["bytes"] == 8 + 4 + 5 + 100


def test_a_field_is_read_in_the_last_frame(kind: Any, own: Context) -> None:
    condition = FieldMatch((b"o", b"p"), (parse("hi*"), parse("9*")))
    with FanBench(kind, own, Table((Route("1", (condition,), (A,)),), NAMES)) as bench:
        bodies = (b'{"o": {"p": "high"}}', b'{"o": {"p": 95}}', b"{}", b'{"o": {"p": "\\u0068i"}}')
        for body in bodies:
            bench.source.send_multipart([b"t", body])
        wait_until(lambda: bench.drained()[A].total() == 3)
        assert bench.got[REST] == Counter({b"{}": 1})


def test_capture_and_tap_get_each_message_once(kind: Any, own: Context) -> None:
    table = Table((Route("1", topic("a"), (A, B), rename=Rename(b"n")),), NAMES, None)
    bench = FanBench(kind, own, table)
    capture, heard = bench.pair(zmq.PUB, zmq.SUB, 0)
    tap, tapped = bench.pair(zmq.PUB, zmq.SUB, 0)
    bench.relay.capture, bench.relay.tap = capture, tap
    for socket in (heard, tapped):
        socket.subscribe(b"")
    with bench:
        wait_until(lambda: bench.counters.turns)
        for message in ([b"a", b"1"], [b"z"]):
            bench.source.send_multipart(message)
        assert heard.recv_multipart() == [b"a", b"1"]
        assert tapped.recv_multipart() == [b">", b"a", b"1"]
        wait_until(lambda: bench.counted() == 2)
        assert not heard.poll(0)


QUEUE = (zmq.DEALER, zmq.ROUTER, zmq.DEALER, zmq.DEALER)
TWO_WAY: dict[str, Any] = {"types": QUEUE, "backward": Lane(), "enveloped": True}


def test_replies_come_back_from_every_backend_but_not_from_one_of_copies(
    kind: Any, own: Context
) -> None:
    routes = (Route("copies", (), (B,), copy=True), Route("a", topic("v2*"), (A,)))
    with FanBench(kind, own, Table(routes, NAMES), **TWO_WAY) as bench:
        for body in (b"v2", b"old"):
            bench.source.send_multipart([b"", body])
        for which in (A, REST):
            request = bench.readers[which].recv_multipart()
            bench.readers[which].send_multipart([*request[:-1], b"from %d" % which])
        for _ in range(2):
            bench.readers[B].send_multipart(bench.readers[B].recv_multipart())
        replies = {bench.source.recv_multipart()[-1] for _ in range(2)}
        assert replies == {b"from 1", b"from 0"}
        wait_until(lambda: bench.counters.total()["backward"]["copy"] == 2)
        assert bench.counters.total()["backward"]["messages"] == 2
        assert bench.counters.total()["backward"]["bytes"] > 0


def test_a_limit_stops_a_message_before_the_routes(kind: Any, own: Context) -> None:
    table = Table((Route("1", (), (A,)),), NAMES)
    forward = Lane(max_frames=2, max_bytes=10)
    with FanBench(kind, own, table, forward=forward) as bench:
        for message in ([b"1", b"2", b"3"], [b"x" * 11], [b"ok"]):
            bench.source.send_multipart(message)
        assert bench.readers[A].recv() == b"ok"
        wait_until(lambda: bench.counted() == 3)
        counts = bench.forward()
        assert (counts["too_many_frames"], counts["too_large"], counts["messages"]) == (1, 1, 1)
        assert bench.routes() == [(1, 0)]


def test_a_router_that_cannot_deliver_blocks_nothing_and_is_counted(
    kind: Any, own: Context
) -> None:
    types = (zmq.PUSH, zmq.PULL, zmq.ROUTER, zmq.DEALER)
    table = Table((Route("1", topic("*"), (A,)),), NAMES)
    bench = FanBench(kind, own, table, types=types, enveloped=True)
    for target in bench.targets:
        target.socket.set(zmq.ROUTER_MANDATORY, 1)
    with bench:
        bench.source.send_multipart([b"nowhere", b"", b"x"])
        bench.source.send_multipart([b"alone"])
        wait_until(lambda: bench.forward()["unreachable"] == 2)
        assert bench.forward()["messages"] == 0


def test_publishers_hear_their_subscribers_and_get_their_share(kind: Any, own: Context) -> None:
    types = (zmq.PUSH, zmq.PULL, zmq.XPUB, zmq.SUB)
    table = Table((Route("1", topic("eu.*"), (A,)),), NAMES)
    bench = FanBench(kind, own, table, types=types)
    for reader in bench.readers:
        reader.subscribe(b"eu")
    for reader, target in zip(bench.readers, bench.targets, strict=True):
        wait_until(lambda reader=reader, target=target: reader.poll(0) or target.socket.poll(0))
        assert target.socket.recv(zmq.DONTWAIT) == b"\x01eu"
    with bench:
        for message in (b"eu.1", b"eu", b"us"):
            bench.source.send(message)
        assert bench.readers[A].recv() == b"eu.1"
        assert bench.readers[REST].recv() == b"eu"
        wait_until(lambda: bench.counted() == 3)
        assert [target.counts()["messages"] for target in bench.targets] == [2, 1, 0]


@pytest.mark.parametrize("type_", [zmq.PUB, zmq.XPUB])
def test_a_publisher_is_waited_for_where_its_route_says_so(
    kind: Any, own: Context, type_: int
) -> None:
    waits = Route("w", topic("w*"), (A,), on_full="block")
    table = Table((waits, Route("d", topic("d*"), (B,), on_full="drop")), NAMES)
    types = (zmq.PUSH, zmq.PULL, type_, zmq.SUB)
    bench = FanBench(kind, own, table, hwm=2, types=types)
    for which in (A, B):
        bench.readers[which].subscribe(b"")
        bench.readers[which].poll(0)  # now it sends that,
        bench.targets[which].socket.get(zmq.EVENTS)  # and is heard
    with bench:
        for number in range(100):
            bench.source.send(b"d%d" % number)
            bench.source.send(b"w%d" % number)
        wait_until(lambda: bench.targets[A].counts()["blocked_ns"])
        for number in range(100):
            assert bench.readers[A].recv() == b"w%d" % number
        wait_until(lambda: bench.counted() == 200)
        assert 0 < bench.drained()[B].total() < 100, "what had no room is dropped"
    assert (bench.forward()["messages"], bench.routes()) == (200, [(100, 0), (100, 0)])


def test_each_backend_counts_what_it_had_no_room_for(kind: Any, own: Context) -> None:
    routes = (
        Route("copy", topic("x"), (A, B), copy=True, on_full="drop"),
        Route("first", topic("x"), (A, B), "first", on_full="next"),
    )
    with FanBench(kind, own, Table(routes, NAMES), hwm=1) as bench:
        for _ in range(20):
            bench.source.send(b"x")
        wait_until(lambda: bench.read(REST) or bench.counted() == 20)
        wait_until(lambda: bench.read(REST) is False and bench.counted() == 20)
        full = bench.relay.state.full
        assert full[REST] == 0
        assert full[A] == full[B] > 0
        assert bench.routes()[0][1] + 2 * bench.routes()[1][1] == full[A] + full[B]


def test_a_stalled_backend_that_drops_stops_no_other(kind: Any, own: Context) -> None:
    table = Table((Route("1", (), (A, B), on_full="drop"),), NAMES, None)
    with FanBench(kind, own, table, 1) as bench:
        for number in range(500):
            bench.source.send(b"%d" % number)
            wait_until(lambda: bench.read(A))
        assert sum(bench.got[A].values()) == 500
        wait_until(lambda: bench.counted() == 500)
        ((messages, full),) = bench.routes()
        assert messages == 500
        assert full == 500 - bench.drained()[B].total()
        assert full > 400


def test_what_waits_is_held_between_two_runs_and_counted_for_whom_it_waits(
    kind: Any, own: Context
) -> None:
    table = Table((Route("1", (), (A, B)),), NAMES, None)
    bench = FanBench(kind, own, table, 1)
    for number in range(10):
        bench.source.send(b"%d" % number)
    assert not bench.relay.run(limit_ms=50)
    assert bench.relay.held == (True, False)
    assert bench.targets[A].counts()["blocked_ns"] > 0
    assert not bench.relay.run(forward=False, limit_ms=0)
    with bench:
        wait_until(lambda: all(found.total() == 10 for found in bench.drained()[1:]))
    assert bench.relay.held == (False, False)


@pytest.mark.parametrize("stage", ["fresh", "renewed"])
def test_one_behind_another_goes_on_with_its_counts(kind: Any, own: Context, stage: str) -> None:
    table = Table((Route("1", (), (A, B), "next"),), NAMES, None)
    bench = FanBench(kind, own, table)
    if stage == "renewed":
        bench.relay.renew(Table((Route("1", (), (A, B), "next"),), NAMES, None))
    store, source = bench.pair(zmq.PUSH, zmq.PULL, 0)
    bench.source.send(b"1")
    bench.relay.run(until_idle=True)
    store.send(b"2")
    bench.relay.behind(source).run(until_idle=True)
    assert (bench.readers[A].recv(), bench.readers[B].recv()) == (b"1", b"2")
    assert bench.routes() == [(2, 0)]
    with bench:
        pass


def test_both_halves_are_called_alike() -> None:
    if "native" not in halves():
        pytest.skip("the C half is not used")
    native = importlib.import_module("zmqdev.relay.native_routed").RoutedRelay
    twin = importlib.import_module("zmqdev.relay.routed").RoutedRelay
    for name in ("run", "close", "renew"):
        ours, theirs = getattr(native, name), getattr(twin, name)
        assert inspect.signature(ours) == inspect.signature(theirs)
