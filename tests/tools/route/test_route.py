"""`zmqdev route`: where messages go, without a socket; the tests of a file; what `check` finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from zmqdev.cli.program import program

FILE = """
backends:
  eu: {bind: tcp://*:5561}
  us: {bind: tcp://*:5562}
routes:
  - {match: {topic: "eu.*"}, to: eu, on-full: drop}
  - {match: {topic: ["us.*", "ca.*"]}, rate: 500/s, to: us}
tests:
  - {message: [eu.1, "{}"], to: eu}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prices.yaml"
    path.write_text(FILE)
    return path


def route(*arguments: str | Path, given: str = "") -> Result:
    words = ["route", *map(str, arguments)]
    return CliRunner().invoke(program, words, input=given, standalone_mode=False)


def test_a_line_for_each_message_and_a_sum(file: Path) -> None:
    assert route(file, given="eu.1\nus.7\nxx\n").output == (
        "eu.1   -> eu        route 1\n"
        "us.7   -> us        route 2\n"
        "xx     -> backend   no route\n"
        "3 messages: 1 eu, 1 us, 1 backend\n"
    )


def test_messages_of_several_frames_are_json_lines(file: Path) -> None:
    line = '{"frames": ["us.1", "x"]}\n'
    told = json.loads(route(file, "--json", "--format", "json", given=line).output)
    assert told == {"frames": ["us.1", "x"], "to": ["us"], "routes": ["2"]}
    assert "not JSON" in str(route(file, "--json", given="{\n").exception)


def test_without_messages_the_tests_are_tried(file: Path) -> None:
    done = route(file)
    assert (done.output, done.return_value) == ("1 test, 0 failed\n", 0)


def test_a_test_that_fails_is_exit_status_3_in_every_form(file: Path) -> None:
    file.write_text(FILE.replace('"{}"], to: eu', '"{}"], to: us'))
    done = route(file)
    assert done.return_value == 3
    assert done.output == (f"{file}:9:5: eu.1 {{}}: goes to eu, expected us\n1 test, 1 failed\n")
    assert json.loads(route(file, "--format", "json").output)["passed"] is False
    assert 'failures="1"' in route(file, "--format", "junit").output


def test_a_device_file_is_tried_as_well(tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_text("device: streamer\ndrop: 'debug.*'\n")
    assert "debug.1 -> drop" in route(path, given="debug.1\n").output
    path.write_text("device: streamer\n")
    assert "no device with routes" in str(route(path).exception)


@pytest.mark.parametrize(
    ("rule", "routes"),
    [
        ("no-rest", "[{match: {topic: a}, to: a}]"),
        ("one-stops-all", "[{match: {topic: a}, to: a}, {to: b}]"),
        ("never-reached", "[{to: a}, {match: {topic: b}, to: b, on-full: drop}]"),
        ("unknown-backend", "[{to: c}]"),
        ("route-test", "[{to: a}]\ntests: [{message: x, to: b}]"),
    ],
)
def test_check_finds(rule: str, routes: str, tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    sides = "backends: {a: {bind: tcp://127.0.0.1:5561}, b: {bind: tcp://127.0.0.1:5562}}"
    path.write_text(f"device: streamer\n{sides}\nroutes: {routes}\n")
    done = CliRunner().invoke(program, ["check", str(path)], standalone_mode=False)
    assert f"[{rule}]" in done.output
    assert f"{path}:3:" in done.output or f"{path}:4:" in done.output
