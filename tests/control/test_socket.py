"""A control socket and a real device behind it: how it is reached, and what is no request."""

from __future__ import annotations

import json
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zmq
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.examples import examples

from zmqdev.control.protocol import OLD, write_request
from zmqdev.control.socket import MOST_FRAME
from zmqdev.errors import RunError

Context = zmq.Context[zmq.Socket[bytes]]
WILDCARD = "tcp://127.0.0.1:*"
Begin = Callable[..., Any]


def test_the_socket_is_the_users_alone_and_goes_with_the_device(
    runtime: Path, steered: Begin
) -> None:
    item = steered()
    path = runtime / "queue.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert item.ask("status")["control"]["address"] == f"ipc://{path}"
    item.control.ended(item.service)
    assert not path.exists()


def test_a_second_device_of_the_same_name_is_known_by_another(steered: Begin) -> None:
    first, second = steered(), steered()
    assert first.ask("status")["control"]["name"] == "queue"
    assert second.ask("status")["control"]["name"] == "queue-2"
    assert second.ask("status")["name"] == "queue"


def test_without_a_place_for_the_socket_the_device_runs_and_says_so(
    monkeypatch: pytest.MonkeyPatch, steered: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    def prepare() -> Path:
        raise RunError("/run is not writable")

    monkeypatch.setattr("zmqdev.system.runtime_place.prepare", prepare)
    item = steered()
    assert item.device.state == "running"
    assert "no control socket: /run is not writable; --control ADDRESS" in caplog.text


def test_an_address_given_that_cannot_be_bound_is_an_error(steered: Begin) -> None:
    with pytest.raises(RunError, match="cannot bind ipc:///nonexistent/x"):
        steered(address="ipc:///nonexistent/x")


def test_an_address_that_strangers_reach_deserves_a_word(
    steered: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    steered(address="tcp://127.0.0.1:*")
    assert not caplog.text
    steered(address="tcp://*:*")
    assert "any host that reaches tcp://*:* can steer it" in caplog.text


@pytest.mark.parametrize("rubbish", [b"", b"\xff", b"{}", b"pause", b"x" * 70_000])
def test_rubbish_gets_an_error_and_changes_nothing(steered: Begin, rubbish: bytes) -> None:
    item = steered()
    for frames in ([rubbish], [b"", rubbish], [b"", rubbish, rubbish], [rubbish] * 40):
        reply = item.control.answer([b"id", *frames])
        assert reply[0] == b"id"
        assert json.loads(reply[-1])["ok"] is False
    assert item.device.state == "running"


def test_whatever_comes_there_is_one_reply(steered: Begin) -> None:
    item = steered()

    @settings(max_examples=examples(200), deadline=None)
    @given(st.lists(st.binary(max_size=50), max_size=6))
    def one_reply(frames: list[bytes]) -> None:
        assume(not OLD.keys() & set(frames))  # those are no rubbish
        reply = item.control.answer([b"id", *frames])
        assert reply[0] == b"id"
        assert json.loads(reply[-1])["ok"] is False

    one_reply()
    assert item.device.state == "running"


def test_a_defect_is_told_and_logged_and_the_device_goes_on(
    steered: Begin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    item = steered()
    monkeypatch.setattr(item.device.engine, "reset", lambda: 1 / 0)
    assert item.refusal("reset").startswith("internal: ZeroDivisionError")
    assert "Traceback" in caplog.text
    assert item.ask("status")["state"] == "running"


def test_a_device_that_does_not_take_it_up_is_said_to_be_busy(
    steered: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = steered()
    with monkeypatch.context() as patched:
        patched.setattr("zmqdev.device.device.Device.call.__defaults__", (0.01,))
        patched.setattr(item.device, "_wake", lambda: None)
        assert item.refusal("pause").startswith("busy: queue has not handled it yet")


def test_req_and_dealer_and_what_is_too_large_are_all_answered_once(
    steered: Begin, context: Context
) -> None:
    item = steered()
    address = item.ask("status")["control"]["address"]
    request = write_request("status", {})
    for type_, frames in (
        (zmq.REQ, [request]),
        (zmq.REQ, [b"one", b"two"]),
        (zmq.DEALER, [request]),
        (zmq.DEALER, [b"", request]),
        (zmq.DEALER, [b""]),
        (zmq.DEALER, [b"", b""]),
        (zmq.REQ, [b"x" * (MOST_FRAME - 1)]),
    ):
        asker = context.socket(type_)
        asker.connect(address)
        asker.send_multipart(frames)
        item.serve(lambda asker=asker: asker.poll(0))  # type: ignore[misc]
        assert "ok" in json.loads(asker.recv_multipart()[-1])
        assert not asker.poll(20)


def test_the_old_commands_do_what_their_manual_says(steered: Begin) -> None:
    item = steered()
    assert item.control.answer([b"id", b"", b"PAUSE"]) == [b"id", b"", b""]
    assert item.device.state == "paused"
    frames = item.control.answer([b"id", b"", b"STATISTICS"])
    assert frames[:2] == [b"id", b""]
    assert [struct.unpack("=Q", frame)[0] for frame in frames[2:]] == [0] * 8
    assert item.device.state == "paused"
    item.control.answer([b"id", b"", b"RESUME"])
    assert item.device.state == "running"
    item.control.answer([b"id", b"", b"TERMINATE"])
    assert item.service.stopping
