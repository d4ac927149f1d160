"""What a function yields goes to the backends one by one, in both halves alike."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from relay.conftest import halves
from relay.test_routed import FanBench, wait_until

from zmqdev.relay.bursts import recv_burst, send_burst
from zmqdev.relay.hook import Hook
from zmqdev.relay.hooked import HookedRelay
from zmqdev.relay.pump import ENDED, FULL, MORE, OTHER, RAISED
from zmqdev.relay.target import Target
from zmqdev.routing.table import Table

Context = zmq.Context[zmq.Socket[bytes]]
PLACES = itertools.count()


@pytest.fixture(params=halves())
def pump(request: pytest.FixtureRequest) -> Any:
    if request.param == "python":
        return importlib.import_module("zmqdev.relay.pump").pump
    return importlib.import_module("zmqdev.relay.native")._native.pump


class Ends:
    """Backends `a` and `b`, and who reads them."""

    def __init__(self, context: Context, types: tuple[int, int], hwm: int = 0) -> None:
        self.context, self.names = context, {"a": 0, "b": 1}
        pairs = [self.pair(types, hwm) for _ in self.names]
        self.readers = [reader for reader, _ in pairs]
        self.targets = tuple(
            Target(name, end) for name, (_, end) in zip(self.names, pairs, strict=True)
        )

    def pair(self, types: tuple[int, int], hwm: int = 0) -> tuple[Any, Any]:
        reader, end = (self.context.socket(type_) for type_ in types)
        for socket in (reader, end):
            socket.hwm = hwm
        address = f"inproc://pump-{next(PLACES)}"
        reader.bind(address)
        end.connect(address)
        return reader, end


@pytest.fixture
def ends(context: Context) -> Ends:
    return Ends(context, (zmq.PULL, zmq.PUSH))


def run(pump: Any, ends: Ends, results: Iterator[Any], limit: int = 100, **more: Any) -> Any:
    return pump(results, ends.names, ends.targets, limit, more.get("capture"), more.get("tap"))


def test_each_item_goes_where_it_says_and_is_counted(pump: Any, ends: Ends) -> None:
    results = iter([("a", [b"1"]), ("b", (b"2", b"22")), ("a", [b""])])
    sent, size, ns, why, what = run(pump, ends, results)
    assert (sent, size, why, what) == (3, 4, ENDED, None)
    assert ns > 0
    assert [recv_burst(reader, 9) for reader in ends.readers] == [[[b"1"], [b""]], [[b"2", b"22"]]]
    assert [list(target.cells) for target in ends.targets] == [[2, 1, 0], [1, 3, 0]]


def test_the_limit_leaves_the_rest_where_it_is(pump: Any, ends: Ends) -> None:
    results = iter([("a", [b"%d" % number]) for number in range(5)])
    assert run(pump, ends, results, 3)[3:] == (MORE, None)
    assert len(list(results)) == 2


def test_what_is_raised_is_handed_back_with_its_traceback(pump: Any, ends: Ends) -> None:
    def results() -> Iterator[Any]:
        yield "a", [b"1"]
        raise KeyError("x")

    sent, _, _, why, what = run(pump, ends, results())
    assert (sent, why) == (1, RAISED)
    assert isinstance(what, KeyError)
    assert what.__traceback__ is not None
    assert run(pump, ends, (1 / 0 for _ in "x"))[4].args == ("division by zero",)


@pytest.mark.parametrize(
    "item",
    [
        ("c", [b""]),
        ("a", []),
        ("a", "text"),
        ("a", [b"", "text"]),
        ("a", None),
        ["a", [b""]],
        ("a",),
        (["a"], [b""]),
        7,
        None,
    ],
)
def test_an_item_that_is_not_as_it_should_be_is_handed_back(
    pump: Any, ends: Ends, item: Any
) -> None:
    sent, _, _, why, what = run(pump, ends, iter([("a", [b"1"]), item, ("a", [b"2"])]))
    assert (sent, why) == (1, OTHER)
    assert what is item
    assert recv_burst(ends.readers[0], 9) == [[b"1"]]


def test_a_full_backend_stops_what_yields_in_the_middle(pump: Any, context: Context) -> None:
    ends = Ends(context, (zmq.PULL, zmq.PUSH), hwm=1)
    asked = 0

    def results() -> Iterator[Any]:
        nonlocal asked
        for asked in itertools.count(1):
            yield "a", [b"%d" % asked]

    sent, _, _, why, what = run(pump, ends, results())
    assert why == FULL
    assert what == ("a", [b"%d" % asked])
    assert sent == asked - 1 == len(recv_burst(ends.readers[0], 9))


def test_a_router_is_left_to_who_knows_addresses(pump: Any, context: Context) -> None:
    ends = Ends(context, (zmq.DEALER, zmq.ROUTER))
    assert run(pump, ends, iter([("a", [b"id", b"x"])]))[3] == OTHER


def test_what_is_changed_after_it_was_yielded_is_sent_as_it_was(pump: Any, ends: Ends) -> None:
    def results() -> Iterator[Any]:
        message = [b""]
        for number in range(3):
            message[0] = b"%d" % number
            yield "a", message

    run(pump, ends, results())
    assert recv_burst(ends.readers[0], 9) == [[b"0"], [b"1"], [b"2"]]


def test_copies_go_to_capture_and_tap(pump: Any, ends: Ends) -> None:
    pairs = {name: ends.pair((zmq.SUB, zmq.PUB)) for name in ("capture", "tap")}
    for reader, end in pairs.values():
        reader.subscribe(b"")
        reader.poll(0)
        end.poll(0)
    made = {name: end for name, (_, end) in pairs.items()}
    assert run(pump, ends, iter([("a", [b"1", b"2"])]), **made)[0] == 1
    assert pairs["capture"][0].recv_multipart() == [b"1", b"2"]
    assert pairs["tap"][0].recv_multipart() == [b">", b"1", b"2"]


def test_a_closed_backend_is_an_error(pump: Any, ends: Ends) -> None:
    ends.targets[0].socket.close()
    with pytest.raises(zmq.ZMQError):
        run(pump, ends, iter([("a", [b"1"])]))


WHAT = st.sampled_from(["a", "b", "both", "none", "raise", "nowhere", "wrong"])


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(WHAT, max_size=60), st.integers(1, 4), st.sampled_from(["block", "drop"]))
def test_whatever_a_function_does_its_counters_say(
    pump: Any, context: Context, does: list[str], hwm: int, on_full: Any
) -> None:
    names = ("backend", "a", "b")
    seen: list[bytes] = []
    hook = Hook(act(seen), {name: at for at, name in enumerate(names)}, lambda text, error: None)
    make: Callable[..., Any] = lambda *sockets, **options: HookedRelay(  # noqa: E731
        *sockets, hook=hook, pump=pump, receive=recv_burst, send=send_burst, **options
    )
    table = Table((), names, None)
    with FanBench(make, context, table, hwm) as bench:
        bench.relay.forward = type(bench.relay.forward)(on_full=on_full)
        for number, word in enumerate(does):
            bench.source.send_multipart([word.encode(), b"%d" % number])
        wait_until(lambda: bench.drained() and hook.taken == len(does) and not hook.busy)
        got = bench.drained()
    failed = sum(word in ("raise", "nowhere", "wrong") for word in does)
    yielded = [word in ("a", "b") for word in does].count(True) + 2 * does.count("both")
    counts = bench.forward()
    assert seen == [word.encode() for word in does], "each once, in order"
    assert (counts["hook"], hook.failed) == (failed, failed)
    assert counts["messages"] + counts["full"] == yielded
    assert counts["messages"] == sum(map(len, got))
    assert on_full == "drop" or counts["full"] == 0
    assert [len(found) for found in got] == [one.counts()["messages"] for one in bench.targets]


def act(seen: list[bytes]) -> Callable[[Iterator[list[bytes]]], Iterator[Any]]:
    """A function that does what each message says."""

    def route(messages: Iterator[list[bytes]]) -> Iterator[Any]:
        for message in messages:
            seen.append(message[0])
            word = message[0].decode()
            if word == "raise":
                raise ValueError(word)
            if word in ("a", "b"):
                yield word, message
            elif word == "both":
                yield from (("a", message), ["b", message])
            elif word != "none":
                yield ("elsewhere", message) if word == "nowhere" else ("a", [word])

    return route
