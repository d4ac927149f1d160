"""README and help topics say what is: their tables are the declarations, their commands run."""

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
from support.reference import PAGES, ROOT, TABLES, filled

from zmqdev.cli.program import ROWS

TEXTS = {name: path.read_text() for name, path in PAGES.items()}


@dataclass(frozen=True)
class Block:
    """A console block. `run` when `<!-- run -->` stands before it."""

    page: str
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

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks() -> list[Block]:
    pattern = re.compile(r"(<!-- run -->\n)?```console\n(.*?)```", re.DOTALL)
    return [
        Block(page, text[: match.start()].count("\n") + 1, bool(match[1]), match[2])
        for page, text in TEXTS.items()
        for match in pattern.finditer(text)
    ]


def zmqdev_calls() -> list[tuple[Block, list[str]]]:
    """Every `zmqdev ...` of a console block that is not run whole, split into words."""
    found = []
    for block in (block for block in blocks() if not block.run):
        for command, _ in block.commands():
            for call in re.split(r"[|;&]+(?=(?:[^']*'[^']*')*[^']*$)", command):
                words = shlex.split(call.split(" >")[0].split(" <")[0].split(" #")[0])
                if words and words[0] == "zmqdev":
                    found.append((block, words[1:]))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_table_is_what_the_declarations_say(page: str) -> None:
    assert filled(TEXTS[page]) == TEXTS[page], "run `make readme`"


def test_every_table_stands_in_a_page() -> None:
    text = "".join(TEXTS.values())
    assert not [name for name in TABLES if f"<!-- begin {name} -->" not in text]


@pytest.mark.parametrize(("block", "words"), zmqdev_calls(), ids=lambda item: str(item)[:60])
def test_every_command_line_is_one_that_zmqdev_takes(block: Block, words: list[str]) -> None:
    if not words or words[0].startswith("-"):
        return
    assert words[0] in ROWS, str(block)
    command = ROWS[words[0]].load()
    context = click.Context(command, info_name=words[0])
    command.parse_args(context, words[1:])


@pytest.mark.parametrize("block", [b for b in blocks() if b.run], ids=str)
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


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_no_place_of_this_machine(page: str) -> None:
    assert not re.search(r"/(home|root|work)/", TEXTS[page])


def test_every_page_is_declared() -> None:
    folder = PAGES["first-steps"].parent
    assert {path.stem for path in folder.iterdir()} == {*PAGES} - {"README"}
