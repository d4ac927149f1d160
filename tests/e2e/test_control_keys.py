"""Steering over tcp with CURVE: who has no key that is known gets no answer."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.processes import Program, Start

ANY = "tcp://127.0.0.1:*"


@pytest.fixture
def keys(start: Start, tmp_path: Path) -> Path:
    place = tmp_path / "keys"
    (place / "clients").mkdir(parents=True)
    for name in ("server", "operator", "stranger"):
        made = start("keygen", str(place / name))
        assert made.wait() == 0, made.err
    shutil.copy(place / "operator.key", place / "clients")
    return place


def queue(start: Start, keys: Path, name: str) -> tuple[Program, str]:
    """A queue whose control is at a port of tcp, and its HOST:PORT."""
    device = start(
        *("queue", "--name", name, "--frontend-bind", ANY, "--backend-bind", ANY),
        *("--control", ANY, "--control-key", str(keys / "server.key_secret")),
        *("--control-clients", str(keys / "clients"), "--stats", "off"),
        ready=True,
    )
    [control] = device.ready()["control"]
    return device, control.removeprefix("tcp://")


def shown(keys: Path, name: str) -> list[str]:
    return [
        *("--curve-key", str(keys / f"{name}.key_secret")),
        *("--server-key", str(keys / "server.key")),
    ]


def test_an_operator_steers_and_a_stranger_does_not(start: Start, keys: Path) -> None:
    device, at = queue(start, keys, "orders")
    for words in ([], shown(keys, "stranger")):
        refused = start("ctl", at, "pause", "--timeout", "1s", *words)
        assert refused.wait() == 1
        assert "no answer within 1 s" in refused.err
    asked = start("ctl", at, "status", "--json", *shown(keys, "operator"))
    assert asked.wait() == 0, asked.err
    assert json.loads(asked.out)["state"] == "running"
    stopped = start("ctl", at, "stop", *shown(keys, "operator"))
    assert stopped.wait() == 0, stopped.err
    assert device.wait() == 0, device.err


def test_top_shows_devices_of_several_machines(start: Start, keys: Path) -> None:
    hosts = [queue(start, keys, name)[1] for name in ("orders", "prices")]
    words = [word for host in hosts for word in ("--host", host)]
    top = start("top", "--json", "-n", "1", "-i", "100ms", *words, *shown(keys, "operator"))
    assert top.wait() == 0, top.err
    names = [json.loads(line)["device"] for line in top.lines()]
    assert names == [f"orders@{hosts[0]}", f"prices@{hosts[1]}"]


def test_a_tap_does_not_show_to_all_what_the_control_keeps(start: Start, keys: Path) -> None:
    _, at = queue(start, keys, "orders")
    asked = start("ctl", at, "tap", "viewer", "5s", *shown(keys, "operator"))
    assert asked.wait() == 1
    assert "while the control asks who comes" in asked.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--control-key", "a"], "need each other"),
        (["--control-key", "a", "--control-clients", "b"], "only with --control tcp://"),
    ],
)
def test_keys_that_protect_nothing_are_refused(start: Start, words: list[str], said: str) -> None:
    program = start("queue", *words)
    assert program.wait() == 2
    assert said in program.err


def test_top_names_a_wrong_host(start: Start) -> None:
    top = start("top", "-n", "1", "--host", "nowhere")
    assert top.wait() == 2
    assert "--host" in top.err
