"""Files from the disk: what a command prints is a file that does the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from zmqdev.cli.program import program
from zmqdev.errors import UsageError
from zmqdev.options.part_options import kinds
from zmqdev.topology.check import check_file
from zmqdev.topology.read import topology

LINES = [[kind] for kind in kinds()] + [
    ["queue", "--reliable", "--workers", "plain", "--frontend-bind", "tcp://127.0.0.1:7"],
    ["forwarder", "--set", "backend.sndhwm=5", "--on-full", "block", "--stats", "off"],
    ["worker", "--exec", "echo ${HOME} $1", "-c", "tcp://127.0.0.1:7"],
    ["sub", "-s", "a", "-s", "", "-n", "3"],
    # Words that YAML takes for something else.
    ["sub", "-s", "007", "-s", "yes", "-s", "a: b #c", "-s", "~"],
    ["pub", "-D", 'line\nbreak\ttab "quoted" é', "-0"],
    ["pub", "-D", "1e3"],
    ["client", "-D", "null", "--window", "4"],
    ["streamer", "--name", "a: [name] for people", "-vv"],
]


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_what_is_printed_is_read_as_the_same(line: list[str], write: Callable[..., Path]) -> None:
    printed = CliRunner().invoke(program, [*line, "--print-config"], catch_exceptions=False)
    path = write(printed.stdout)
    assert not [one for one in check_file(str(path), {}) if one.severity == "error"]
    (part,) = topology(str(path), {}).parts
    assert part.kind == line[0]
    again = CliRunner().invoke(
        program, [line[0], "--config", str(path), "--print-config"], catch_exceptions=False
    )
    assert again.stdout == printed.stdout


def test_the_first_problem_is_raised(write: Callable[..., Path]) -> None:
    path = write("parts: {a: {device: queue, drain: x}, b: {device: nothing}}")
    with pytest.raises(UsageError, match=r"f\.yaml:1:5\d: b: no device 'nothing'"):
        topology(str(path), {})


def test_includes_are_relative_to_the_file_that_names_them(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "deep").mkdir()
    write("include: two.yaml", "deep/one.yaml")
    write("device: queue", "deep/two.yaml")
    found = topology(str(write("include: deep/one.yaml")), {})
    assert [part.name for part in found.parts] == ["queue"]
    assert [Path(file).name for file in found.files] == ["f.yaml", "one.yaml", "two.yaml"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("device: streamer", "queue"),
        ("device: queue", "queue.yaml"),
        ("parts: {queue: {device: streamer}, other: {endpoint: pull}}", "queue.yaml"),
        ("name: whole\nparts: {queue: {device: queue}}", "whole"),
    ],
)
def test_a_file_leaves_its_name_to_a_part(write: Callable[..., Path], text: str, name: str) -> None:
    assert topology(str(write(text, "queue.yaml")), {}).control_name == name


def test_a_directory_leaves_its_name_to_a_part(write: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "queue").mkdir()
    write("device: queue", "queue/one.yaml")
    assert topology(str(tmp_path / "queue"), {}).control_name == "queue.run"
