"""Nothing of the working directory is imported, whatever lies there under a module's name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(sys.executable).with_name("zmqdev")
NAMES = ("json", "zmq", "yaml", "click", "selectors", "subprocess", "signal", "runpy", "site")
FILE = """\
parts:
  jobs: {device: streamer, frontend: {bind: tcp://127.0.0.1:*}, backend: {bind: tcp://127.0.0.1:*}}
  work: {endpoint: pull, bind: tcp://127.0.0.1:*}
"""


STREAMER = """\
device: streamer
frontend: {bind: tcp://127.0.0.1:*}
backend: {bind: tcp://127.0.0.1:*}
"""
COMMANDS = [
    "run parts.yaml --duration 0.5s --control off",
    "check parts.yaml",
    "graph parts.yaml",
    "export fixed.yaml --to systemd",
    "schema",
    "ctl",
    "top -n 1",
    "doctor",
    "bench pipeline --size 16 --rounds 1 --time 0.2s --between native",
    "keygen --help",
    "streamer --config streamer.yaml --duration 0.2s",
    "pull -b tcp://127.0.0.1:* --duration 0.2s",
]
NOTHING_RUNS = {"top -n 1": 1}
"""Exit statuses other than 0."""
BY_SCRIPT, BY_MODULE = [str(SCRIPT)], [sys.executable, "-m", "zmqdev"]
# What a command does is the same; these start programs, read files, and do neither.
CALLS = [(BY_SCRIPT, words) for words in COMMANDS] + [
    (BY_MODULE, words)
    for words in COMMANDS
    if words.split()[0] in ("run", "bench", "streamer", "schema")
]


@pytest.fixture
def poisoned(tmp_path: Path) -> Path:
    """A working directory whose files leave a trace when they are executed."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(f"open('executed-{name}', 'w')\nraise SystemExit(9)\n")
    (tmp_path / "zmqdev").mkdir()
    (tmp_path / "zmqdev" / "__init__.py").write_text("open('executed-zmqdev', 'w')\n")
    (tmp_path / "parts.yaml").write_text(FILE)
    (tmp_path / "streamer.yaml").write_text(STREAMER)
    (tmp_path / "fixed.yaml").write_text(STREAMER.replace(":*", ":7001", 1).replace(":*", ":7002"))
    return tmp_path


@pytest.mark.parametrize(("start", "words"), CALLS, ids=lambda item: str(item)[:40])
def test_nothing_of_it_is_executed(poisoned: Path, start: list[str], words: str) -> None:
    if "-m" in start:  # Python itself looks for `zmqdev` in the working directory first
        (poisoned / "zmqdev" / "__init__.py").unlink()
        (poisoned / "zmqdev").rmdir()
    ended = subprocess.run(
        [*start, *words.split()],
        cwd=poisoned,
        env={**os.environ, "XDG_RUNTIME_DIR": str(poisoned)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert not list(poisoned.glob("executed-*")), ended.stderr
    assert ended.returncode == NOTHING_RUNS.get(words, 0), ended.stderr
