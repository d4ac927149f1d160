"""A message that passes through a device, as `tap` writes it."""

from __future__ import annotations

import json

import pytest

from zmqdev.endpoints.form.format import Layout
from zmqdev.tools.tap.sample import Sample, sample, written
from zmqdev.tools.tap.viewer import Allowance, reachable

QUEUE = {"frontend": "ROUTER", "backend": "DEALER"}
FORWARDER = {"frontend": "XSUB", "backend": "XPUB"}
STREAMER = {"frontend": "PULL", "backend": "PUSH"}
ID = b"\x00\x6b\x8b\x45\x67"


def shown(frames: list[bytes], types: dict[str, str], form: str = "text") -> bytes:
    return written(Layout(form), sample(frames, types), 1.5)


@pytest.mark.parametrize(
    ("frames", "line"),
    [
        ([b">", ID, b"", b"Req-1"], b"> [id 0x006b8b4567] [] Req-1\n"),
        ([b"<", ID, b"", b"a", b"b"], b"< [id 0x006b8b4567] [] a b\n"),
        ([b">", b"client-1", b"", b"x"], b"> [id client-1] [] x\n"),
        ([b">", ID, b"\x01\x02\x03\xff", b"", b"x"], b"> [id 0x006b8b4567] [0x010203ff] [] x\n"),
        ([b">", ID, b"x"], b"> [id 0x006b8b4567] x\n"),
        ([b">", ID, b""], b"> [id 0x006b8b4567] [] \n"),
        ([b">", ID], b"> [id 0x006b8b4567] \n"),
    ],
)
def test_a_routers_envelope_is_shown_as_one(frames: list[bytes], line: bytes) -> None:
    assert shown(frames, QUEUE) == line


def test_without_a_router_there_is_no_envelope() -> None:
    assert shown([b">", b"ACME", b"", b"1"], FORWARDER) == b"> ACME  1\n"
    assert shown([b">", b""], STREAMER) == b"> \n"


def test_subscriptions_are_said_in_words() -> None:
    assert shown([b"<", b"\x01ACME"], FORWARDER) == b'< subscribe "ACME"\n'
    assert shown([b"<", b"\x00"], FORWARDER) == b'< unsubscribe ""\n'
    assert shown([b">", b"\x01ACME"], STREAMER) == b"> \x01ACME\n"


def test_formats_are_those_of_sub() -> None:
    frames = [b">", ID, b"", b"\xff", b"x"]
    assert shown(frames, QUEUE, "quoted") == b'> [id 0x006b8b4567] [] "\\xff" "x"\n'
    assert shown(frames, QUEUE, "hex") == b"> [id 0x006b8b4567] [] ff 78\n"
    assert shown(frames, QUEUE, "raw") == b"\xffx"
    assert json.loads(shown(frames, QUEUE, "json")) == {
        "time": 1.5,
        "direction": "forward",
        "envelope": [{"base64": "AGuLRWc="}, ""],
        "frames": [{"base64": "/w=="}, "x"],
    }


def test_nothing_in_a_message_steers_a_terminal() -> None:
    evil = [b">", b"\x1b[2J", b"", b"\x1b]0;x\x07"]
    line = written(Layout("text", terminal=True), sample(evil, QUEUE), 0.0)
    assert b"\x1b" not in line
    upstream = written(Layout("text"), Sample(b"<", (), (b"\x01\x1b[2J",), True), 0.0)
    assert b"\x1b" not in upstream


def test_a_limit_lets_so_many_a_second_through() -> None:
    allowance = Allowance(10.0, 0.0)
    taken = sum(allowance.take(at / 1000) for at in range(5000))
    assert 50 <= taken <= 51
    late = Allowance(2.0, 0.0)
    assert sum(late.take(100.0) for _ in range(50)) == 2


def test_a_slow_limit_shows_the_first_at_once() -> None:
    allowance = Allowance(0.5, 0.0)
    assert [allowance.take(at) for at in (0.0, 1.0, 2.0, 3.0, 4.0)] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_no_limit_lets_all_through() -> None:
    assert all(Allowance(None, 0.0).take(0.0) for _ in range(1000))


@pytest.mark.parametrize(
    ("tap", "control", "address"),
    [
        ("ipc:///run/queue.tap", "ipc:///run/queue.sock", "ipc:///run/queue.tap"),
        ("tcp://127.0.0.1:7001", "tcp://127.0.0.1:7000", "tcp://127.0.0.1:7001"),
        ("tcp://0.0.0.0:7001", "tcp://10.0.0.1:7000", "tcp://10.0.0.1:7001"),
        ("tcp://[::]:7001", "tcp://[fe80::1]:7000", "tcp://[fe80::1]:7001"),
    ],
)
def test_a_tap_at_a_wildcard_is_reached_where_the_control_is(
    tap: str, control: str, address: str
) -> None:
    assert reachable(tap, control) == address
