"""The manual pages: one a command, made from the declarations, shown by man without a complaint."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from zmqdev.cli.program import ROWS
from zmqdev.tools.man.page import page, pages, write


def shown(path: Path) -> str:
    """As man shows it, without its overstriking."""
    done = subprocess.run(
        ["man", "--warnings", "-l", str(path)],
        env={**os.environ, "MANWIDTH": "80", "MANPAGER": "cat", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return re.sub(".\b", "", done.stdout)


def test_each_command_has_a_page() -> None:
    assert {*pages()} == {"zmqdev.1", *(f"zmqdev-{name}.1" for name in ROWS)}


@pytest.mark.parametrize("name", ROWS)
def test_a_page_has_every_option(name: str) -> None:
    text = page(ROWS[name]).replace("\\-", "-")
    options = [one for one in ROWS[name].load().params if isinstance(one, click.Option)]
    missing = [flag for one in options for flag in one.opts if flag not in text]
    assert not missing


@pytest.mark.skipif(not shutil.which("man"), reason="needs man")
def test_man_shows_every_page_without_a_complaint(tmp_path: Path) -> None:
    texts = {path.stem: shown(path) for path in write(tmp_path)}
    assert "zmqdev-queue(1)" in texts["zmqdev"]
    assert re.search(
        r"--backend-bind ADDRESS\n +Address to bind; repeatable\.", texts["zmqdev-queue"]
    )
    assert "ZMQDEV_QUEUE_" in texts["zmqdev-queue"]
    assert "restart-part NAME" in texts["zmqdev-ctl"]
    for text in texts.values():
        assert "EXIT STATUS" in text
        assert text.count("`") % 2 == 0, "no request of roff has swallowed a line"


def test_the_pages_are_made_where_zmq_is_not_installed() -> None:
    """As in the environment that pip makes to build the wheel."""
    code = (
        "import sys; sys.modules['zmq'] = None\n"
        "from zmqdev.tools.man.page import pages\n"
        "assert len(pages()) > 20"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
