"""For any routes and slow receivers each backend gets what the pure part says, and once."""

from __future__ import annotations

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
from support.processes import until

from zmqdev.relay import Counters, Lane
from zmqdev.relay.counters import DROPS
from zmqdev.relay.routed import RoutedRelay, Target
from zmqdev.routing.condition import FrameMatch
from zmqdev.routing.decide import State
from zmqdev.routing.dry import DryRun
from zmqdev.routing.pattern import parse
from zmqdev.routing.table import Route, Table

Context = zmq.Context[zmq.Socket[bytes]]
PLACES = itertools.count()
NAMES = ("backend", "a", "b")
TOPICS = (b"eu.1", b"us.1", b"x")
ROUTES = st.builds(
    Route,
    st.just("r"),
    st.sampled_from(["eu.*", "*.1", "*", "y"]).map(lambda text: (FrameMatch(0, (parse(text),)),)),
    st.lists(st.sampled_from([0, 1, 2]), unique=True, max_size=3).map(tuple),
    st.just("all"),
    st.booleans(),
    st.just("block"),
)


class Bench:
    """A relay in a thread, three readers with a mark of their own, and what they got."""

    def __init__(self, context: Context, table: Table, hwm: int) -> None:
        self.context, self.counters = context, Counters()
        self.sockets: list[Any] = []
        self.push, frontend = self.pair(zmq.PUSH, zmq.PULL, 0)
        ends = [self.pair(zmq.PULL, zmq.PUSH, hwm) for _ in NAMES]
        self.readers = [reader for reader, _ in ends]
        self.waker, wake = self.pair(zmq.PAIR, zmq.PAIR, 0)
        targets = [Target(name, end[1]) for name, end in zip(NAMES, ends, strict=True)]
        self.relay = RoutedRelay(
            *(frontend, targets, wake, self.counters, State(table)), backward=Lane(enabled=False)
        )
        self.thread = threading.Thread(target=self.relay.run)
        self.thread.start()
        self.got = [Counter[bytes]() for _ in NAMES]

    def pair(self, outer: int, inner: int, hwm: int) -> tuple[Any, Any]:
        one, other = self.context.socket(outer), self.context.socket(inner)
        for socket in (one, other):
            socket.set(zmq.SNDHWM, hwm)
            socket.set(zmq.RCVHWM, hwm)
            socket.set(zmq.LINGER, 0)
        address = f"inproc://routing-{next(PLACES)}"
        self.sockets += [one, other]
        one.bind(address)
        other.connect(address)
        return one, other

    def read(self, which: int) -> bool:
        if not self.readers[which].poll(0):
            return False
        self.got[which][self.readers[which].recv()] += 1
        return True

    def drained(self) -> list[Counter[bytes]]:
        """What the readers have, with all that is there now."""
        for which in range(len(NAMES)):
            while self.read(which):
                pass
        return self.got

    def forward(self) -> dict[str, int]:
        return self.counters.total()["forward"]

    def counted(self) -> int:
        counts = self.forward()
        return counts["messages"] + sum(counts[reason] for reason in DROPS)

    def end(self) -> None:
        self.waker.send(b"")
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.relay.close()
        for socket in self.sockets:
            socket.close(0)


@pytest.fixture(scope="module")
def own() -> Iterator[Context]:
    made: Context = zmq.Context()
    yield made
    made.destroy(linger=0)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    routes=st.lists(ROUTES, max_size=4),
    messages=st.lists(st.sampled_from(TOPICS), max_size=30),
    hwm=st.integers(1, 4),
    rest=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_each_backend_gets_exactly_what_the_pure_part_says(
    own: Context, routes: list[Route], messages: list[bytes], hwm: int, rest: bool, seed: int
) -> None:
    table, chance = Table(tuple(routes), NAMES, 0 if rest else None), Random(seed)
    run, expected = DryRun(table), [Counter[bytes]() for _ in NAMES]
    for message in messages:
        for name in run.send([message]).to:
            if name in NAMES:
                expected[NAMES.index(name)][message] += 1
    bench = Bench(own, table, hwm)
    try:
        for message in messages:
            bench.push.send(message)
            bench.read(chance.randrange(3))
        until(
            lambda: bench.drained() == expected and bench.counted() == len(messages),
            "each backend has got its messages",
        )
        assert bench.drained() == expected
    finally:
        bench.end()


def test_fifty_new_tables_under_load_lose_and_double_nothing(own: Context) -> None:
    tables = [Table((Route("r", (), (target,)),), NAMES, None) for target in range(3)]
    bench, count = Bench(own, tables[0], 100), 20_000
    try:
        for number in range(count):
            bench.push.send(b"%d" % number)
            if number % (count // 50) == 0:
                bench.relay.renew(State(tables[number % 3]))
            for which in range(3):
                bench.read(which)
        until(lambda: sum(map(len, bench.drained())) == count, "all have come")
        whole = sum(bench.got, Counter[bytes]())
        assert set(whole.values()) == {1}
        assert bench.forward()["messages"] == count
        assert bench.relay.state.counts[0].messages == count
    finally:
        bench.end()
