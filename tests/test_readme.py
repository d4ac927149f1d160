"""The README says what is: its tables are the declarations, its commands run."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from support.reference import README, TABLES, filled

from zmqdev.cli.program import ROWS

TEXT = README.read_text()
ROOT = README.parent


@dataclass(frozen=True)
class Block:
    """A console block. `run` when `<!-- run -->` stands before it."""

    line: int
    run: bool
    text: str

    def commands(self) -> list[tuple[str, str]]:
        """(command, expected output) in order."""
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        pairs = []
        for part in parts:
            command, _, output = part.partition("\n")
            while command.endswith("\\"):
                more, _, output = output.partition("\n")
                command = command[:-1] + more.strip()
            pairs.append((command, output))
        return pairs


def blocks() -> list[Block]:
    pattern = re.compile(r"(<!-- run -->\n)?```console\n(.*?)```", re.DOTALL)
    return [
        Block(TEXT[: match.start()].count("\n") + 1, bool(match[1]), match[2])
        for match in pattern.finditer(TEXT)
    ]


def zmqdev_calls() -> list[tuple[int, list[str]]]:
    """Every `zmqdev ...` of a console block that is not run whole, split into words."""
    found = []
    for block in (block for block in blocks() if not block.run):
        for command, _ in block.commands():
            for call in re.split(r"[|;&]+(?=(?:[^']*'[^']*')*[^']*$)", command):
                words = shlex.split(call.split(" >")[0].split(" <")[0].split(" #")[0])
                if words and words[0] == "zmqdev":
                    found.append((block.line, words[1:]))
    return found


def test_every_table_is_what_the_declarations_say() -> None:
    assert filled(TEXT) == TEXT, "run `make readme`"


def test_every_table_stands_in_the_readme() -> None:
    missing = [name for name in TABLES if f"<!-- begin {name} -->" not in TEXT]
    assert not missing


@pytest.mark.parametrize(("line", "words"), zmqdev_calls(), ids=lambda item: str(item)[:60])
def test_every_command_line_is_one_that_zmqdev_takes(line: int, words: list[str]) -> None:
    if not words or words[0].startswith("-"):
        return
    assert words[0] in ROWS, f"README line {line}"
    command = ROWS[words[0]].load()
    context = click.Context(command, info_name=words[0])
    command.parse_args(context, words[1:])


@pytest.mark.parametrize("block", [b for b in blocks() if b.run], ids=lambda b: f"line {b.line}")
def test_what_is_shown_is_what_comes(block: Block, tmp_path: Path) -> None:
    """`...` in the expected output stands for anything."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "XDG_RUNTIME_DIR": str(runtime),
        "COLUMNS": "100",
        "TERM": "dumb",
    }
    checker = doctest.OutputChecker()
    for command, expected in block.commands():
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        same = checker.check_output(expected, done.stdout, doctest.ELLIPSIS)
        assert same, f"$ {command}\nexpected:\n{expected}\ncame:\n{done.stdout}"


def test_the_readme_names_no_place_of_this_machine() -> None:
    assert not re.search(r"/(home|root|work)/", TEXT)
