"""Words without a flag, and words of other tools, mean what a person expects."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import forked

from zmqdev.cli.habits import ALIASES, POINTERS
from zmqdev.cli.program import ROWS


def says(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    given = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, **options}
    return forked.run(list(words), **given)


def settings(*words: str) -> dict[str, Any]:
    done = says(*words, "--print-config")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


def test_two_addresses_are_those_of_a_device() -> None:
    found = settings("forwarder", "6001", "*:6002")
    assert found["frontend"]["connect"] == ["tcp://127.0.0.1:6001"]
    assert found["backend"]["bind"] == ["tcp://*:6002"]


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "queue.yaml"
    file.write_text("device: queue\nname: mine\nfrontend: {bind: 6001}\n")
    found = settings("queue", str(file))
    assert (found["name"], found["frontend"]["bind"]) == ("mine", ["tcp://127.0.0.1:6001"])


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        ("pair 5560", "connect", ["tcp://127.0.0.1:5560"]),
        ("pair hello", "data", ["hello"]),
        ("sub ACME BOLT", "subscribe", ["ACME", "BOLT"]),
        ("sub 6001 ACME", "connect", ["tcp://127.0.0.1:6001"]),
        ("sub ACME -s ACME", "subscribe", ["ACME", "ACME"]),
        ("pull 6001", "connect", ["tcp://127.0.0.1:6001"]),
        ("push hello", "data", ["hello"]),
        ("push 42", "data", ["42"]),
        ("push :6001 42", "connect", ["tcp://127.0.0.1:6001"]),
        ("pub tcp://127.0.0.1:6001 x", "bind", ["tcp://127.0.0.1:6001"]),
        ("client tcp://127.0.0.1:6001", "connect", ["tcp://127.0.0.1:6001"]),
        ("push hello -c 6001", "connect", ["tcp://127.0.0.1:6001"]),
    ],
)
def test_words_of_endpoints(words: str, key: str, value: list[str]) -> None:
    assert settings(*words.split())[key] == value


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("queue nonsense", "queue: cannot make sense of 'nonsense'"),
        ("queue 1 2 3", "queue: cannot make sense of '3'"),
        ("pull hello", "pull: cannot make sense of 'hello'"),
        ("queue a.yaml b.yaml", "queue: two files, a.yaml and b.yaml"),
        ("pull @a/b", "--connect: '@a/b': after '@' stands a name"),
    ],
)
def test_a_word_without_sense_is_one_line(words: str, line: str) -> None:
    done = says(*words.split())
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert line in done.stderr


def test_a_name_joins_two_programs_of_one_user(tmp_path: Path) -> None:
    env = {"XDG_RUNTIME_DIR": str(tmp_path)}
    with forked.popen(
        ["pull", "-b", "@jobs", "-n", "1"], stdout=subprocess.PIPE, text=True, env=env
    ) as pull:
        assert says("push", "-c", "@jobs", "hello", env=env).returncode == 0
        assert pull.communicate(timeout=60)[0] == "hello\n"


def test_habits_stand_for_commands_and_none_hides_one() -> None:
    assert not (ALIASES.keys() | POINTERS.keys()) & ROWS.keys()
    assert not ALIASES.keys() & POINTERS.keys()
    assert {words[0] for words in ALIASES.values()} <= {*ROWS, "--version"}


@pytest.mark.parametrize("word", sorted(POINTERS))
def test_a_word_of_another_tool_is_pointed_to_the_command(word: str) -> None:
    done = says(word, "something")
    assert done.returncode == 2
    assert done.stderr == f"zmqdev: no command {word!r}; {POINTERS[word]}\n"


def test_an_alias_does_what_the_command_does(tmp_path: Path) -> None:
    assert says("version").stdout == says("--version").stdout
    assert says("subscribe", "--print-config").stdout == says("sub", "--print-config").stdout
    assert "did you mean 'subscribe'" in says("subscibe").stderr


PART = "endpoint: pull\nbind: tcp://127.0.0.1:*\n"


def test_run_takes_the_file_of_the_directory(tmp_path: Path) -> None:
    done = says("run", cwd=tmp_path)
    assert done.returncode == 2
    assert "name a file; there is no zmqdev.yaml in this directory" in done.stderr
    (tmp_path / "zmqdev.yaml").write_text(PART)
    for words in (["check"], ["graph"], ["run", "--dry-run"]):
        done = says(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def test_a_directory_is_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(PART)
    (tmp_path / "b.yml").write_text(PART.replace("pull", "sub"))
    (tmp_path / "notes.txt").write_text("not a file of ours")
    for place, cwd in ((str(tmp_path), "/"), (".", tmp_path), (tmp_path.name, tmp_path.parent)):
        done = says("run", place, "--dry-run", cwd=cwd)
        assert done.returncode == 0, done.stderr
        assert [line.split()[0] for line in done.stdout.splitlines()] == ["pull", "sub"]
    (tmp_path / "b.yml").write_text("nonsense: 1\n")
    done = says("check", str(tmp_path))
    assert done.returncode == 2
    assert f"{tmp_path}/b.yml:1:1" in done.stdout


def test_an_empty_directory_is_an_error(tmp_path: Path) -> None:
    done = says("run", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == (
        f"zmqdev: {tmp_path}: the directory holds no file that ends in .yaml or .yml\n"
    )


def test_standard_input_is_a_file() -> None:
    done = says("run", "-", "--dry-run", input=PART, stdin=None)
    assert (done.returncode, done.stdout.split()[:2]) == (0, ["pull", "socket"])
