"""`zmqdev help`: the list, a topic in a pipe and on a terminal, a command, a wrong word."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.terminal import Terminal

from zmqdev.cli.program import ROWS
from zmqdev.cli.topics import TOPICS


def zmqdev(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zmqdev", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_alone_it_lists_every_topic_with_a_line() -> None:
    done = zmqdev("help")
    assert done.returncode == 0
    for topic in TOPICS.values():
        assert f"  {topic.name} " in done.stdout
        assert topic.help in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_in_a_pipe_a_topic_is_plain_markdown_without_the_comments_of_the_tests() -> None:
    done = zmqdev("help", "running")
    assert done.returncode == 0
    assert done.stdout.startswith("# Running\n")
    assert "| flag | key in a file |" in done.stdout
    assert "<!--" not in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("columns", [60, 120])
def test_on_a_terminal_a_topic_is_laid_out_and_paged(columns: int, tmp_path: Path) -> None:
    """The pager is `less` where there is one; here a program that says that it was asked."""
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\ncat\necho this was the pager\n")
    pager.chmod(0o755)
    terminal = Terminal(["help", "devices"], columns=columns, rows=800, env={"PAGER": str(pager)})
    terminal.shows("this was the pager")
    assert terminal.wait() == 0
    assert "**" not in terminal.text
    assert "```" not in terminal.text
    assert any(line.strip(" ┃│║") == "Devices" for line in terminal.lines)
    assert max(map(len, terminal.lines)) <= min(columns, 100)
    assert "…" not in terminal.text, "nothing of a table is cut"


def test_what_fits_on_the_screen_needs_no_key() -> None:
    """With `less` as pager, when the user has set nothing else."""
    terminal = Terminal(["help", "limits"], rows=200, env={"PAGER": "less", "TERM": "xterm"})
    assert terminal.wait() == 0
    assert "Limits" in terminal.text


def test_the_name_of_a_command_shows_its_help() -> None:
    assert zmqdev("help", "queue").stdout == zmqdev("queue", "--help").stdout


def test_an_unknown_topic_is_one_line_with_a_near_one() -> None:
    done = zmqdev("help", "reliable")
    assert done.returncode == 2
    assert done.stderr == "zmqdev: no topic 'reliable'; did you mean 'reliable-queue'?\n"


def test_topics_name_commands_that_there_are() -> None:
    named = {command for topic in TOPICS.values() for command in topic.commands}
    assert named == {*ROWS} - {"help"}, "each command has a topic"


@pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS)
def test_the_help_of_a_command_ends_with_its_topics(topic: object) -> None:
    for name in TOPICS[topic.name].commands:  # type: ignore[attr-defined]
        assert topic.name in (ROWS[name].load().epilog or "")  # type: ignore[attr-defined]
