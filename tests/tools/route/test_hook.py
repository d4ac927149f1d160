"""`zmqdev route hook.py`: the function tried without a socket; `check` does not run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tools.route.test_route import route

from zmqdev.cli.program import program
from zmqdev.errors import UsageError

SPLIT = """
def route(messages):
    for message in messages:
        yield ("eu" if message[0].startswith(b"eu.") else "us"), message
"""
LATE = """
kept = []

def route(messages):
    given = list(messages)
    kept.extend(given)
    if not given:
        yield "eu", [b"%d" % len(kept)]
"""


@pytest.fixture
def hook(tmp_path: Path) -> Path:
    path = tmp_path / "hook.py"
    path.write_text(SPLIT)
    return path


def device(hook: Path, tests: str = "") -> Path:
    path = hook.with_name("prices.yaml")
    sides = "eu: {bind: 'tcp://127.0.0.1:5561'}, us: {bind: 'tcp://127.0.0.1:5562'}"
    path.write_text(f"device: streamer\nbackends: {{{sides}}}\nroutes: {hook}\n{tests}")
    return path


def test_a_line_for_each_message(hook: Path) -> None:
    told = route(hook, given="eu.1\nus.7\n").output.splitlines()
    assert [line.split()[:3] for line in told] == [
        ["eu.1", "->", "eu"],
        ["us.7", "->", "us"],
        ["2", "messages:", "1"],
    ]


def test_what_it_yields_in_the_end_is_a_line_too(hook: Path) -> None:
    hook.write_text(LATE)
    lines = route(hook, "--format", "json", given="x\ny\n").output.splitlines()
    assert [json.loads(line)["to"] for line in lines] == [["drop"], ["drop"], ["eu"]]


def test_what_fails_is_said_and_is_exit_status_3(hook: Path) -> None:
    hook.write_text("def route(m):\n    for one in m:\n        yield 'eu', one[7]\n")
    done = route(hook, given="x\n")
    assert done.return_value == 3
    assert "IndexError" in done.stderr
    assert "the message is dropped" in done.stderr


def test_the_tests_of_a_device_run_through_it(hook: Path) -> None:
    good = device(hook, "tests: [{message: [eu.1], to: eu}, {message: [x], to: us}]\n")
    assert route(good).output == "2 tests, 0 failed\n"
    bad = device(hook, "tests: [{message: [eu.1], to: us}]\n")
    assert route(bad).return_value == 3


def test_a_device_knows_the_names_of_its_backends(hook: Path) -> None:
    hook.write_text(SPLIT.replace('"us")', '"mars")'))
    done = route(device(hook), given="x\n")
    assert "no backend 'mars'; known are eu, us" in done.stderr


def test_check_does_not_run_it(hook: Path) -> None:
    ran = hook.with_name("ran")
    hook.write_text(f"open({str(ran)!r}, 'w').close()\n{SPLIT}")
    words = ["check", str(device(hook))]
    done = CliRunner().invoke(program, words, standalone_mode=False)
    assert done.return_value == 0, done.output
    assert not ran.exists()


def test_check_names_the_line_that_is_not_python(hook: Path) -> None:
    hook.write_text("x = 1\ndef route(:\n")
    done = CliRunner().invoke(program, ["check", str(device(hook))], standalone_mode=False)
    assert "hook.py:2: error: not Python" in f"{done.output}{done.exception}"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    error = route(tmp_path / "none.py", given="x\n").exception
    assert isinstance(error, UsageError)
    assert "cannot read" in str(error)
