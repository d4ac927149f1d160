"""A control socket and a real device behind it: each verb, and everything that is none."""

from __future__ import annotations

import json
import logging
import stat
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.processes import until

from zmqdev.device.control import MOST_FRAME, Control
from zmqdev.device.device import Device
from zmqdev.device.relaying import RelayEngine
from zmqdev.device.service import Service
from zmqdev.errors import RunError
from zmqdev.spec.device import DeviceSpec, printed, resolve
from zmqdev.spec.kind import KINDS
from zmqdev.spec.layer import build, flag_layer
from zmqdev.wire.control import OLD, write_request

Context = zmq.Context[zmq.Socket[bytes]]
WILDCARD = "tcp://127.0.0.1:*"


class Steered:
    """A device, its service, its control; asked without a socket, in this thread."""

    def __init__(self, kind: str, address: str | None, **flags: object) -> None:
        row = KINDS[kind]
        asked: dict[tuple[str, ...], object] = {
            ("frontend", "bind"): [WILDCARD],
            ("backend", "bind"): [WILDCARD],
        }
        asked.update({(key,): value for key, value in flags.items()})
        spec, written = build(DeviceSpec, [flag_layer(DeviceSpec, asked)])
        spec = resolve(row, spec, written)
        self.device = Device(kind, kind, RelayEngine(row, spec), drain=1.0)
        self.control = Control(self.device, address, lambda: printed(row, spec))
        self.service = Service([self.device])
        self.service._start(self.device)
        try:
            self.control.started(self.service)
        except BaseException:
            self.end()
            raise

    def told(self, verb: str, **args: Any) -> dict[str, Any]:
        reply = self.control.answer([b"id", b"", write_request(verb, args)])
        assert reply[:2] == [b"id", b""]
        found: dict[str, Any] = json.loads(reply[2])
        return found

    def ask(self, verb: str, **args: Any) -> Any:
        reply = self.told(verb, **args)
        assert reply["ok"], reply
        return reply["result"]

    def refusal(self, verb: str, **args: Any) -> str:
        reply = self.told(verb, **args)
        assert not reply["ok"]
        return f"{reply['error']['code']}: {reply['error']['message']}"

    def serve(self, condition: Callable[[], object]) -> None:
        """Turn the loop until something holds."""
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end
            self.service.loop.at(time.monotonic() + 0.01, lambda: None)
            self.service.loop.turn()

    @property
    def addresses(self) -> list[str]:
        return [side.addresses[0].actual for side in self.device.engine.sockets()]

    def end(self) -> None:
        self.device.stop(at_once=True)
        assert self.device.join(20)
        self.control.ended(self.service)


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "zmqdev"


@pytest.fixture
def steered(runtime: Path) -> Iterator[Callable[..., Steered]]:
    made: list[Steered] = []

    def begin(kind: str = "queue", address: str | None = None, **flags: object) -> Steered:
        made.append(Steered(kind, address, **flags))
        return made[-1]

    yield begin
    for item in made:
        item.end()


@pytest.fixture
def context() -> Iterator[Context]:
    made: Context = zmq.Context()
    made.setsockopt(zmq.LINGER, 0)
    made.setsockopt(zmq.RCVTIMEO, 20_000)
    yield made
    made.destroy(linger=0)


Begin = Callable[..., Steered]


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

    monkeypatch.setattr("zmqdev.device.runtimedir.prepare", prepare)
    item = steered()
    assert item.device.state == "running"
    assert "no control socket: /run is not writable; --control ADDRESS" in caplog.text


def test_an_address_given_that_cannot_be_bound_is_an_error(runtime: Path) -> None:
    with pytest.raises(RunError, match="cannot bind ipc:///nonexistent/x"):
        Steered("queue", "ipc:///nonexistent/x")


def test_an_address_that_strangers_reach_deserves_a_word(
    steered: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    steered(address="tcp://127.0.0.1:*")
    assert not caplog.text
    steered(address="tcp://*:*")
    assert "whoever reaches tcp://*:* can steer the device" in caplog.text


def test_status_says_what_the_snapshot_says_and_who_runs(steered: Begin) -> None:
    told = steered().ask("status")
    assert (told["name"], told["kind"], told["state"]) == ("queue", "queue", "running")
    assert [flow["name"] for flow in told["flows"]] == ["forward", "backward"]
    assert told["process"]["relay"] in ("native", "python")


def test_pause_and_resume_change_the_state(steered: Begin) -> None:
    item = steered()
    assert item.ask("pause") == {"state": "paused"}
    assert item.ask("status")["state"] == "paused"
    assert item.ask("resume") == {"state": "running"}


def test_what_comes_in_a_pause_is_kept_and_passed_on_after_it(
    steered: Begin, context: Context
) -> None:
    item = steered("streamer")
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.connect(item.addresses[0])
    pull.connect(item.addresses[1])
    item.ask("pause")
    for number in range(500):
        push.send(b"%d" % number)
    assert not pull.poll(100)
    item.ask("resume")
    assert [pull.recv() for _ in range(500)] == [b"%d" % number for number in range(500)]


def test_reset_counts_from_zero(steered: Begin, context: Context) -> None:
    item = steered("streamer")
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.connect(item.addresses[0])
    pull.connect(item.addresses[1])
    push.send(b"x")
    pull.recv()
    until(lambda: item.ask("status")["flows"][0]["counts"]["messages"] == 1, "one message counted")
    item.ask("reset")
    assert item.ask("status")["flows"][0]["counts"]["messages"] == 0


def test_peers_are_counted_and_named_by_side(steered: Begin, context: Context) -> None:
    item = steered()
    right, wrong = context.socket(zmq.DEALER), context.socket(zmq.PULL)
    right.connect(item.addresses[0])
    wrong.connect(item.addresses[0])
    item.serve(lambda: item.ask("peers")["frontend"]["connected"] == 1)
    item.serve(lambda: item.ask("peers")["frontend"]["failed_handshakes"] >= 1)
    told = item.ask("peers")
    assert told["backend"]["connected"] == 0
    assert any("socket types" in reason for reason in told["frontend"]["reasons"])
    assert told["frontend"]["addresses"][0].startswith("tcp://127.0.0.1:")


def test_a_side_gets_and_loses_addresses_without_a_restart(
    steered: Begin, context: Context
) -> None:
    item = steered("streamer")
    bound = item.ask("bind", side="frontend", address=WILDCARD)["actual"]
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.connect(bound)
    pull.bind(WILDCARD)
    there = pull.getsockopt_string(zmq.LAST_ENDPOINT)
    item.ask("connect", side="backend", address=there)
    push.send(b"x")
    assert pull.recv() == b"x"
    item.ask("disconnect", side="backend", address=there)
    item.ask("unbind", side="frontend", address=bound)
    assert [len(side["addresses"]) for side in item.ask("status")["sides"]] == [1, 1]


def test_an_address_that_cannot_be_had_is_refused_and_changes_nothing(steered: Begin) -> None:
    item = steered()
    taken = item.addresses[1]
    assert item.refusal("bind", side="frontend", address=taken) == (
        f"refused: cannot bind {taken}: address already in use"
    )
    assert item.refusal("bind", side="left", address=taken).startswith("bad-argument: side:")
    assert "has no port" in item.refusal("bind", side="frontend", address="tcp://x")
    assert "inside one process" in item.refusal("bind", side="frontend", address="inproc://x")
    assert "is not among" in item.refusal("unbind", side="frontend", address="tcp://127.0.0.1:1")
    assert len(item.ask("status")["sides"][0]["addresses"]) == 1


def test_an_address_asked_for_twice_is_named_by_the_one_that_was_bound(steered: Begin) -> None:
    item = steered()
    second = item.ask("bind", side="frontend", address=WILDCARD)["actual"]
    assert "is 2 times among" in item.refusal("unbind", side="frontend", address=WILDCARD)
    assert item.ask("unbind", side="frontend", address=second)["actual"] == second


def test_set_changes_what_can_change_and_config_shows_it(steered: Begin) -> None:
    item = steered()
    logger = logging.getLogger("zmqdev")
    before = logger.level
    try:
        assert item.ask("set", key="log-level", value="info") == {
            "key": "log-level",
            "value": "info",
        }
        assert logger.level == logging.INFO
    finally:
        logger.setLevel(before)
    item.ask("set", key="interval", value="250ms")
    item.ask("set", key="on-full", value="drop")
    item.ask("set", key="backend.sndhwm", value="17")
    item.ask("set", key="frontend.hwm", value="5")
    told = item.ask("config")
    assert (told["verbose"], told["stats"]["interval"], told["on-full"]) == (1, "250ms", "drop")
    assert told["backend"]["sndhwm"] == 17
    assert (told["frontend"]["sndhwm"], told["frontend"]["rcvhwm"]) == (5, 5)


def test_set_names_what_it_does_not_know(steered: Begin) -> None:
    item = steered()
    assert "did you mean 'on-full'" in item.refusal("set", key="on-ful", value="drop")
    assert "on-full: 'maybe'" in item.refusal("set", key="on-full", value="maybe")
    assert "log-level: 'loud'" in item.refusal("set", key="log-level", value="loud")
    assert item.refusal("set", key="on-full").startswith("bad-argument: set needs value")


def test_config_starts_the_same_device_again(steered: Begin) -> None:
    item = steered()
    item.ask("bind", side="frontend", address="tcp://127.0.0.1:*")
    told = item.ask("config")
    assert told["device"] == "queue"
    assert told["frontend"]["bind"] == [WILDCARD, WILDCARD]
    assert told["frontend"]["connect"] == []


def test_a_mark_that_was_set_holds_for_peers_that_come_later(
    steered: Begin, context: Context
) -> None:
    item = steered("streamer", set=["backend.sndbuf=4096"])
    item.ask("set", key="backend.sndhwm", value="3")
    pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    pull.set(zmq.RCVHWM, 1)
    pull.set(zmq.RCVBUF, 4096)
    pull.connect(item.addresses[1])
    item.serve(lambda: item.ask("peers")["backend"]["connected"] == 1)
    item.device.call(lambda: None)  # what was asked of the device's thread before is done
    push.connect(item.addresses[0])

    def passed() -> int:
        return int(item.ask("status")["flows"][0]["counts"]["messages"])

    for _ in range(200):
        push.send(b"x" * 20_000)
    item.serve(lambda: item.ask("status")["flows"][0]["counts"]["blocked_ns"] > 0)
    assert passed() < 50


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

    @settings(max_examples=200, deadline=None)
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
        assert item.refusal("pause").startswith("busy: queue has not taken it up yet")


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


def test_after_a_stop_there_is_no_pause(steered: Begin) -> None:
    item = steered()
    item.ask("drain", within="10s")
    assert item.device.drain == 10.0
    until(lambda: item.device.state in ("draining", "stopped"), "the drain")
    assert item.refusal("pause").startswith("refused: queue is ")


def test_every_verb_is_listed_with_its_usage(steered: Begin) -> None:
    told = steered().ask("verbs")
    assert told["connect"]["usage"] == "connect SIDE ADDRESS"
    assert {"status", "pause", "resume", "drain", "stop", "reset", "peers", "config", "set"} < set(
        told
    )
