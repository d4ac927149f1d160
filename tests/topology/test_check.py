"""`zmqdev check`: places, forms, exit statuses, several faults at once."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from zmqdev.cli.program import program
from zmqdev.errors import UsageError
from zmqdev.topology.check import check_file

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
BROKEN = """\
parts:
  in:
    device: queue
    frontend: {bind: tcp://127.0.0.1:1, sndhvm: 5}
    drain: soon
  out:
    endpoint: wroker
"""
WARNS = "parts: {a: {device: queue, backend: {hwm: 0}}}\n"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(program, ["check", *arguments], standalone_mode=False)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_shipped_file_is_without_findings(path: Path) -> None:
    assert check_file(str(path)) == []


def test_each_fault_has_its_place_its_rule_and_a_fix(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(BROKEN)
    result = run(str(path))
    lines = result.stdout.replace(str(path), "f.yaml").splitlines()
    assert lines[0] == (
        "f.yaml:4:41: error: frontend: unknown key 'sndhvm'; did you mean 'sndhwm'? [unknown-key]"
    )
    assert lines[1] == "    fix: correct the key, or take it out"
    assert re.match(r"f\.yaml:5:12: error: .*drain.* \[invalid\]", lines[2])
    assert re.match(
        r"f\.yaml:7:15: error: out: no endpoint 'wroker'; did you mean 'worker'", lines[4]
    )
    assert result.stderr == "1 file, 3 errors, 0 warnings\n"
    assert result.return_value == 2


def test_a_warning_fails_only_a_strict_check(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(WARNS)
    assert run(str(path)).return_value == 0
    assert run("--strict", str(path)).return_value == 2


def test_json_has_every_field(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(WARNS)
    result = run("--format", "json", str(path))
    (first, second) = json.loads(result.stdout)
    assert first == {
        "file": str(path),
        "line": 1,
        "column": 43,
        "severity": "warning",
        "rule": "hwm-zero",
        "message": "a backend: sndhwm 0 is no limit: one stalled peer can fill the memory",
        "fix": "give a number of messages",
    }
    assert second["message"].startswith("a backend: rcvhwm")
    assert result.stderr == ""


def test_no_finding_is_an_empty_list_in_json(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("device: queue\n")
    assert json.loads(run("--format", "json", str(path)).stdout) == []


def test_github_gets_annotations_of_one_line_each(tmp_path: Path) -> None:
    path = tmp_path / "f,g.yaml"
    path.write_text(WARNS)
    lines = run("--format", "github", str(path)).stdout.splitlines()
    name = str(path).replace(",", "%2C")
    assert lines[0].startswith(f"::warning file={name},line=1,col=43,title=hwm-zero::a backend:")


def test_a_file_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "no.yaml"
    assert [(one.place, one.message) for one in check_file(str(path))] == [
        (str(path), "cannot read it: no such file or directory")
    ]


def test_several_files_are_checked_at_once(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(WARNS)
    result = run(str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"))
    assert result.stderr == "2 files, 0 errors, 4 warnings\n"


def test_a_fault_in_an_included_file_is_found_there(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "in.yaml").write_text("\nparts: {a: {device: queue, hwm: 0}}\n")
    (tmp_path / "f.yaml").write_text("include: more/in.yaml\n")
    (found,) = check_file(str(tmp_path / "f.yaml"))
    assert found.position == (str(tmp_path / "more" / "in.yaml"), 2, 28)


def test_replicas_have_a_finding_once(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("parts: {w: {endpoint: worker, replicas: 3, drain: soon}}")
    assert len(check_file(str(path))) == 1


def test_a_file_becomes_zdcf(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("parts: {q: {device: queue, backend: {hwm: 5}}, w: {endpoint: worker}}")
    result = run("--convert", "zdcf", str(path))
    (tmp_path / "z.yaml").write_text(result.stdout)
    assert "w: ZDCF has no endpoints" in result.stderr
    assert check_file(str(tmp_path / "z.yaml")) == []


def test_one_file_at_a_time_becomes_zdcf(tmp_path: Path) -> None:
    result = run("--convert", "zdcf", "a", "b")
    assert isinstance(result.exception, UsageError)
