"""README and help topics say what is: their tables are the declarations, their commands run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from support.manual import PAGES, Block, blocks, shell
from support.reference import TABLES, filled

from zmqdev.cli.program import ROWS

TEXTS = {name: path.read_text() for name, path in PAGES.items()}
BLOCKS = [block for page in PAGES for block in blocks(page)]


def zmqdev_calls() -> list[tuple[Block, list[str]]]:
    """Every `zmqdev ...` of a console block that is not run whole, split into words."""
    found = []
    for block in (block for block in BLOCKS if not block.run):
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


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.run], ids=str)
def test_what_is_shown_is_what_comes(block: Block, tmp_path: Path) -> None:
    with shell(block.page, tmp_path) as bash:
        if block.setup:
            bash.run(block.setup)
        for command, expected in block.commands():
            came = bash.run(command)
            assert block.agrees(expected, came), (
                f"$ {command}\nexpected:\n{expected}\ncame:\n{came}"
            )


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_no_place_of_this_machine(page: str) -> None:
    assert not re.search(r"/(home|root|work)/", TEXTS[page])


def test_every_page_is_declared() -> None:
    folder = PAGES["first-steps"].parent
    assert {path.stem for path in folder.iterdir()} == {*PAGES} - {"README"}


def test_every_command_of_the_cheat_sheet_is_run() -> None:
    assert all(block.run for block in blocks("cheat"))
    assert len(blocks("cheat")) >= 30
