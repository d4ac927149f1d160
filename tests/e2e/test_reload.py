"""Reading the file of a running device again: what can change does, the rest is named."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import zmq
from support import forked
from support.processes import Program, Start, until

FILE = """\
device: streamer
name: again
frontend: {{bind: "tcp://127.0.0.1:{front}", rcvhwm: {mark}}}
backend: {{bind: "tcp://127.0.0.1:*"}}
on-full: {full}
drain: {drain}
quiet: {quiet}
"""
AS_IT_WAS = {"front": "*", "mark": 1000, "full": "block", "drain": "5s", "quiet": "false"}


class Steered:
    """A device that was started from a file which the test writes again."""

    def __init__(self, start: Start, place: Path) -> None:
        self.path, self.at = place / "device.yaml", f"ipc://{place}/control"
        self.write()
        words = ("--config", str(self.path), "--control", self.at, "--stats", "off")
        self.program: Program = start("streamer", *words, ready=True)
        self.program.ready()

    def write(self, **changed: Any) -> None:
        self.path.write_text(FILE.format(**{**AS_IT_WAS, **changed}))

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["ctl", "--timeout", "20s", self.at, *words]
        return forked.run(command, capture_output=True, text=True)

    def reload(self) -> Any:
        done = self.ctl("reload", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def config(self) -> Any:
        return json.loads(self.ctl("config", "--json").stdout)


@pytest.fixture
def steered(start: Start, tmp_path: Path) -> Steered:
    return Steered(start, tmp_path)


def test_a_file_that_is_the_same_changes_nothing(steered: Steered) -> None:
    assert steered.reload() == {"applied": [], "needs_restart": []}


def test_what_can_change_does_and_the_rest_is_named(steered: Steered) -> None:
    steered.write(mark=7, full="drop", drain="9s", quiet="true", front="1")
    told = steered.reload()
    assert told["applied"] == ["log-level", "drain", "frontend.rcvhwm", "on-full"]
    assert told["needs_restart"] == ["frontend.bind"]
    now = steered.config()
    assert (now["frontend"]["rcvhwm"], now["on-full"], now["drain"]) == (7, "drop", "9s")
    assert now["frontend"]["bind"] == ["tcp://127.0.0.1:*"]
    # What was applied is not applied again, and what needs a restart is named again.
    assert steered.reload() == {"applied": [], "needs_restart": ["frontend.bind"]}


def test_what_was_set_by_hand_comes_back_to_what_the_file_says(steered: Steered) -> None:
    assert steered.ctl("set", "frontend.rcvhwm", "3").returncode == 0
    assert steered.reload()["applied"] == ["frontend.rcvhwm"]
    assert steered.config()["frontend"]["rcvhwm"] == 1000


def test_a_wrong_file_changes_nothing_and_its_place_is_told(steered: Steered) -> None:
    before = steered.config()
    steered.write(mark="seven", drain="9s")
    done = steered.ctl("reload")
    assert done.returncode == 1
    assert f"{steered.path}:3:" in done.stderr
    assert "rcvhwm" in done.stderr
    assert steered.config() == before


def test_sighup_does_the_same(steered: Steered) -> None:
    steered.write(mark=7, front="1")
    steered.program.signal(signal.SIGHUP)
    until(lambda: "needs a restart: frontend.bind" in steered.program.err, "the summary")
    assert "changed: frontend.rcvhwm" in steered.program.err
    assert steered.config()["frontend"]["rcvhwm"] == 7
    steered.path.write_text("garbage")
    steered.program.signal(signal.SIGHUP)
    until(lambda: f"not read again: {steered.path}" in steered.program.err, "the complaint")
    assert steered.config()["frontend"]["rcvhwm"] == 7
    assert steered.program.interrupt() == 0


def test_without_a_control_socket_too(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "device.yaml"
    path.write_text(FILE.format(**AS_IT_WAS))
    device = start("streamer", "--config", str(path), "--control", "off", ready=True)
    device.ready()
    path.write_text(FILE.format(**{**AS_IT_WAS, "mark": 7}))
    device.signal(signal.SIGHUP)
    until(lambda: "changed: frontend.rcvhwm" in device.err, "the summary")


ROUTED = """\
device: streamer
name: routed
frontend: {{bind: "tcp://127.0.0.1:*"}}
backend: {{bind: "tcp://127.0.0.1:*"}}
backends: {{eu: {{bind: "tcp://127.0.0.1:*"}}{more}}}
{routing}
"""
TO_EU = "routes: [{match: {topic: 'eu.*'}, to: eu}]"


class Routed(Steered):
    def write(self, **changed: Any) -> None:
        self.path.write_text(ROUTED.format(**{"routing": TO_EU, "more": "", **changed}))

    def addresses(self) -> dict[str, str]:
        sides = json.loads(self.ctl("status", "--json").stdout)["sides"]
        return {side["name"]: side["addresses"][0]["actual"] for side in sides}


@pytest.fixture
def routed(start: Start, tmp_path: Path) -> Routed:
    return Routed(start, tmp_path)


def test_routes_of_the_file_change_in_the_running_device(routed: Routed) -> None:
    at = routed.addresses()
    with zmq.Context() as context:
        push, rest, eu = (context.socket(kind) for kind in (zmq.PUSH, zmq.PULL, zmq.PULL))
        push.connect(at["frontend"])
        rest.connect(at["backend"])
        eu.connect(at["eu"])
        for routing, applied, at_eu, at_backend in (
            (TO_EU, [], [b"eu.1"], [b"us.1"]),
            (TO_EU.replace("eu.", "us."), ["routes"], [b"us.1"], [b"eu.1"]),
            (f"{TO_EU}\ntests: [{{message: eu.1, to: eu}}]", ["routes"], [b"eu.1"], [b"us.1"]),
            (f"{TO_EU}\ndrop: 'eu.*'\nkeep: ['u*', last]", ["drop", "keep"], [], [b"us.1"]),
            ("", ["drop", "keep", "routes"], [], [b"eu.1", b"us.1"]),
        ):
            routed.write(routing=routing)
            assert routed.reload() == {"applied": applied, "needs_restart": []}
            assert routed.reload() == {"applied": [], "needs_restart": []}
            for topic in (b"eu.1", b"us.1", b"last"):
                push.send(topic)
            assert list(iter(rest.recv, b"last")) == at_backend
            assert [eu.recv() for _ in at_eu] == at_eu
            assert not eu.poll(0)
        context.destroy(0)


def test_routes_that_are_wrong_or_need_another_backend_change_nothing(routed: Routed) -> None:
    before = routed.config()
    routed.write(routing="routes: [{match: {topic: 'us.*'}, to: nowhere}]")
    done = routed.ctl("reload")
    assert done.returncode == 1
    assert f"{routed.path}:6:" in done.stderr
    assert routed.config() == before
    more = ', us: {bind: "tcp://127.0.0.1:*"}'
    routed.write(routing="routes: [{match: {topic: 'us.*'}, to: us}]", more=more)
    told = routed.reload()
    assert told["applied"] == []
    assert "routes" in told["needs_restart"]
    assert any(key.startswith("backends.us") for key in told["needs_restart"])
    assert routed.config() == before


def test_set_takes_routes_in_json_and_marks_of_a_backend(routed: Routed) -> None:
    table = json.dumps([{"match": {"topic": "us.*"}, "to": ["eu"]}])
    assert routed.ctl("set", "routes", table).returncode == 0
    assert routed.config()["routes"] == json.loads(table)
    done = routed.ctl("set", "routes", "[{")
    assert done.returncode == 1
    assert "a list in JSON" in done.stderr
    assert routed.reload()["applied"] == ["routes"]
