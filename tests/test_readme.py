"""README and help topics say what is: their tables are the declarations, their commands run."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import click
import pytest
from support.manual import PAGES, ROOT, Block, blocks, shell
from support.reference import TABLES, filled
from support.source import modules

import zmqdev
from zmqdev.cli.program import ROWS
from zmqdev.cli.topics import TOPICS
from zmqdev.options.endpoint import ENDPOINTS
from zmqdev.options.fleet import FleetSpec
from zmqdev.options.option import leaves
from zmqdev.options.part_options import LifeOptions
from zmqdev.options.queue import QueueSpec

SPECS = [QueueSpec, FleetSpec, LifeOptions, *(kind.spec for kind in ENDPOINTS.values())]
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


def test_every_option_stands_in_a_topic() -> None:
    """As a flag, and where a file may hold it as a key."""
    coded = "\0".join(re.findall(r"`[^`\n]+`", "\n".join(TEXTS[name] for name in TOPICS)))
    known = set(re.findall(r"--?\w[\w-]*", coded))
    keys = set(re.findall(r"`([a-z][\w.-]*)`", coded))
    missing = []
    for row in ROWS.values():
        for option in row.load().params:
            if isinstance(option, click.Option):
                missing += [f"{row.name} {flag}" for flag in option.opts if flag not in known]
    for spec in SPECS:
        missing += [leaf.key for leaf in leaves(spec) if leaf.key not in keys]
    assert not missing


def test_every_page_is_declared() -> None:
    folder = PAGES["first-steps"].parent
    assert {path.stem for path in folder.iterdir()} == {*PAGES} - {"README"}


def test_every_command_of_the_cheat_sheet_is_run() -> None:
    assert all(block.run for block in blocks("cheat"))
    assert len(blocks("cheat")) >= 30


def test_a_file_that_a_topic_names_is_there() -> None:
    named = {
        name
        for page in ("design", "contributing")
        for name in re.findall(r"`((?:[a-z_]+/)+[\w.]*)`", TEXTS[page])
    }
    package = Path(zmqdev.__file__).parent
    assert len(named) > 20
    assert not [
        name for name in named if not (package / name).exists() and not (ROOT / name).exists()
    ]


def literals(node: ast.AST) -> list[str]:
    """The texts in a piece of source; those that stand together are joined."""
    constants = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant))
    return [value for value in constants if isinstance(value, str)]


def trees() -> list[ast.Module]:
    return [tree for path, tree in modules().items() if not {"bench", "doctor"} & {*path.parts}]


SAYS = {"RunError", "Unmet", "CannotWrite", "warning", "error"}


def messages() -> list[str]:
    """The messages in the first column of a table of `troubleshooting`."""
    rows = re.findall(r"^\| (.*?) \|", TEXTS["troubleshooting"], re.MULTILINE)
    return [code for row in rows for code in re.findall(r"`([^`]+)`", row)]


def pieces(message: str) -> list[str]:
    """What is fixed in it. A piece of a few letters says nothing."""
    parts = re.split(r"…|%[a-z]|[\0;]", message)
    return [part.strip(" .:,") for part in parts if len(part.strip(" .:,")) > 6]


def test_a_message_that_is_explained_is_one_that_the_program_says() -> None:
    """`…` stands for what differs."""
    explained = messages()
    source = "\0".join(text for tree in trees() for text in literals(tree))
    assert len(explained) > 100
    assert not [
        message
        for message in explained
        if not all(piece.strip(" .;:") in source for piece in message.split("…"))
    ]


def said() -> list[str]:
    """Every failure and warning in the source that has words of its own."""
    found = []
    for tree in trees():
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and SAYS & {ast.unparse(call.func).split(".")[-1]}:
                found.append("\0".join(text for part in call.args for text in literals(part)))
    return [message for message in found if pieces(message)]


def test_every_failure_and_warning_is_explained() -> None:
    """In `zmqdev help troubleshooting`, by a part of it at least."""
    text = " ".join(TEXTS["troubleshooting"].split())
    assert not [each for each in said() if not any(piece in text for piece in pieces(each))]


FOREIGN = (
    "whoever",
    "nobody",
    "somebody",
    "for ever",
    "is told",
    "are told",
    r"(?<!here )(?:is|are) no ",
)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_in_plain_words(page: str) -> None:
    """Generated tables, code and quotations are left out: their words are not written here."""
    elsewhere = r"<!-- begin .*?<!-- end \S+ -->|```.*?```|`[^`\n]+`|^    .*?$|^> .*?$"
    text = re.sub(elsewhere, "", TEXTS[page], flags=re.DOTALL | re.MULTILINE)
    assert not [word for word in FOREIGN if re.search(rf"\b{word}", text)]
