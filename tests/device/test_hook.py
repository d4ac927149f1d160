"""A Python function that routes, over real sockets: what it is given, its errors, its end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zmq
from device.test_routing import ANY, Begin, Context, Streamer, received
from support.processes import until

from zmqdev.errors import UsageError

SPLIT = """
def route(messages):
    for message in messages:
        yield ("a" if message[0].startswith(b"a.") else "b"), message
"""
BATCHES = """
kept = []

def batch():
    joined = list(kept)
    kept.clear()
    return "a", joined

def route(messages):
    empty = True
    for message in messages:
        empty = False
        kept.append(message[0])
        if len(kept) == 100:
            yield batch()
    if empty and kept:
        yield batch()
"""
DEDUPE = """
seen = set()

def route(messages):
    for message in messages:
        if message[0] not in seen:
            seen.add(message[0])
            yield "a", message
"""
RAISES = """
def route(messages):
    for message in messages:
        yield "a", [b"%d" % (100 // int(message[0]))]
"""
ONCE_MORE = """
kept = []

def route(messages):
    given = list(messages)
    kept.extend(given)
    if FLUSH in open(FILE).read() and not given:
        yield "a", [b"%d" % len(kept)]
        kept.clear()
"""
Start = Callable[..., Streamer]


@pytest.fixture
def start(steered: Begin, context: Context, tmp_path: Path) -> Start:
    def begin(source: str, hwm: int = 0, more: str = "", name: str = "") -> Streamer:
        (tmp_path / "hook.py").write_text(source)
        sides = ", ".join(f"{one}: {{bind: '{ANY}', sndhwm: 1, sndbuf: 4096}}" for one in "ab")
        text = f"backends: {{{sides}}}\nroutes: {tmp_path / 'hook.py'}{name}\n{more}"
        return Streamer(steered("streamer", text=text), context, hwm=hwm)

    return begin


def details(made: Streamer) -> dict[str, Any]:
    found: dict[str, Any] = made.item.ask("status")["details"]
    return found


def test_a_split_by_prefix(start: Start) -> None:
    made = start(SPLIT)
    a, b = made.pulls("a", "b")
    for topic in (b"a.1", b"x", b"a.2"):
        made.push.send(topic)
    assert received(a, 2) == [b"a.1", b"a.2"]
    assert received(b, 1) == [b"x"]
    until(lambda: made.counts()["messages"] == 3, "all are counted")
    assert details(made)["hook_ns"] > 0
    assert details(made)["failed"] == 0


def test_batches_of_a_hundred_and_a_flush_after_a_pause(start: Start) -> None:
    made = start(BATCHES)
    (a,) = made.pulls("a")
    for number in range(100):
        made.push.send(b"%d" % number)
    frames: list[bytes] = []
    while len(frames) < 100:
        frames += a.recv_multipart()
    made.push.send(b"alone")
    assert frames == [b"%d" % number for number in range(100)]
    assert a.recv_multipart() == [b"alone"]


def test_each_id_once(start: Start) -> None:
    made = start(DEDUPE)
    (a,) = made.pulls("a")
    for body in (b"1", b"2", b"1", b"2", b"3"):
        made.push.send(body)
    assert received(a, 3) == [b"1", b"2", b"3"]


def test_what_it_raises_costs_one_message_and_the_rest_goes_on(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    made = start(RAISES)
    (a,) = made.pulls("a")
    with caplog.at_level(logging.WARNING, "zmqdev"):
        for body in (b"1", b"0", b"x", b"2", b"0", b"4"):
            made.push.send(body)
        assert received(a, 3) == [b"100", b"50", b"25"]
    until(lambda: made.counts()["hook"] == 3, "each is counted")
    assert (made.counts()["messages"], details(made)["failed"]) == (3, 3)
    said = [record.getMessage() for record in caplog.records]
    assert "hook.py:4: ZeroDivisionError" in said[0]
    assert sum("Traceback" in line for line in said) == 1
    assert not any("zmqdev/relay" in line for line in said), "it begins in the file"


@pytest.mark.parametrize(
    ("yielded", "said"),
    [
        ("'c', [b'']", "no backend 'c'; known are backend, a, b"),
        ("'a', 'text'", "a message is a list of frames"),
        ("'a', []", "at least one frame"),
        ("7", "it must yield (backend, list of bytes)"),
        ("[], [b'']", "no backend []"),
    ],
)
def test_what_goes_nowhere_is_counted_and_said(
    start: Start, caplog: pytest.LogCaptureFixture, yielded: str, said: str
) -> None:
    source = f"def route(messages):\n    for one in messages:\n        yield {yielded}\n"
    made = start(f"{source}        yield 'a', one\n")
    (a,) = made.pulls("a")
    with caplog.at_level(logging.WARNING, "zmqdev"):
        made.push.send(b"x")
        assert a.recv() == b"x"
    assert details(made)["failed"] == made.counts()["hook"] == 1
    assert said in caplog.text


def test_a_full_backend_stops_it_in_the_middle_and_loses_nothing(start: Start) -> None:
    made = start("def route(m):\n    for one in m:\n        yield 'a', one\n", hwm=1)
    for number in range(300):
        made.push.send_multipart([b"%d" % number, b"x" * 1000])
    until(lambda: made.item.device.engine.relay.held[0], "one is held")
    (a,) = made.pulls("a")
    assert [a.recv_multipart()[0] for _ in range(300)] == [b"%d" % n for n in range(300)]
    assert details(made)["backends"][1]["blocked_ns"] > 0


def test_the_device_that_drops_counts_what_is_full(start: Start) -> None:
    made = start("def route(m):\n    for one in m:\n        yield 'a', one\n", more="on-full: drop")
    for _ in range(10):
        made.push.send(b"x")
    until(lambda: made.counts()["full"] == 10, "all are dropped, nobody is there")


def test_the_end_calls_it_once_more_with_nothing(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "flush"
    path.write_text("")
    made = start(ONCE_MORE.replace("FLUSH", "'now'").replace("FILE", repr(str(path))))
    (a,) = made.pulls("a")
    for _ in range(7):
        made.push.send(b"x")
    hook = made.item.device.engine.routing.hook
    until(lambda: hook.taken == 7, "all are taken")
    path.write_text("now")
    made.item.device.stop()
    assert a.recv() == b"7"
    assert made.item.device.join(60)
    assert not any("inside" in line for line in made.item.device.reports)


def test_it_is_read_again_and_a_wrong_file_changes_nothing(start: Start, tmp_path: Path) -> None:
    made = start(SPLIT)
    a, b = made.pulls("a", "b")
    made.push.send(b"a.1")
    assert a.recv() == b"a.1"
    (tmp_path / "hook.py").write_text(SPLIT.replace('"a" if', '"b" if'))
    made.item.ask("reload")
    made.push.send(b"a.2")
    assert b.recv() == b"a.2"
    (tmp_path / "hook.py").write_text("import nothing_of_that_name\n")
    assert "hook.py:1: cannot be imported: ModuleNotFoundError" in made.item.refusal("reload")
    made.push.send(b"a.3")
    assert b.recv() == b"a.3"


def test_a_slow_call_is_said(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    source = "import time\ndef slow(m):\n    for one in m:\n        time.sleep(1.1)\n"
    made = start(f"{source}        yield 'a', one\n", name=":slow")
    (a,) = made.pulls("a")
    with caplog.at_level(logging.WARNING, "zmqdev"):
        made.push.send(b"x")
        assert a.recv() == b"x"
        until(lambda: "one call took 1.1 s" in caplog.text, "it is said")


def test_a_queue_gives_it_the_envelope_and_replies_come_back(
    steered: Begin, context: Context, tmp_path: Path
) -> None:
    path = tmp_path / "hook.py"
    path.write_text("def route(m):\n    for one in m:\n        yield one[-1].decode(), one\n")
    sides = f"backends: {{a: {{bind: '{ANY}'}}, b: {{bind: '{ANY}'}}}}\nroutes: {path}\n"
    made = Streamer.__new__(Streamer)
    made.item, made.context, made.hwm = steered("queue", text=sides), context, 0
    client, worker = made.peer(zmq.REQ, "frontend"), made.peer(zmq.REP, "b")
    client.send(b"b")
    assert worker.recv() == b"b"
    worker.send(b"done")
    assert client.recv() == b"done"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("\n1 / 0\n", "hook.py:2: cannot be imported: ZeroDivisionError"),
        ("\n\ndef x(:\n", "hook.py:3: not Python"),
        ("x = 1\n", "no function 'route'"),
        ("route = 1\n", "route is not a function"),
        ("raise SystemExit\n", "hook.py:1: cannot be imported: SystemExit"),
    ],
)
def test_a_file_that_cannot_be_used(start: Start, source: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        start(source)
    assert said in str(raised.value)
    assert raised.value.exit_status == 2


def test_drop_and_keep_go_with_routes(start: Start) -> None:
    with pytest.raises(UsageError, match="not with a function"):
        start(SPLIT, more="drop: [x]")
