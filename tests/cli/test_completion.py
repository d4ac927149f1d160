"""The shell completes commands, options, verbs, devices, topics and files: driven for real."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import forked

SCRIPTS = Path(sys.executable).parent
PATIENCE = 60.0


def offered(*words: str, env: dict[str, str] | None = None) -> list[str]:
    """What click's protocol for bash gives: the completions of the last word."""
    asked = {"COMP_WORDS": " ".join(("zmqdev", *words)), "COMP_CWORD": str(len(words))}
    done = forked.run(
        [],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "_ZMQDEV_COMPLETE": "bash_complete", **asked, **(env or {})},
    )
    assert done.returncode == 0, done.stderr
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "some"),
    [
        (["que"], {"queue"}),
        (["queue", "--frontend-b"], {"--frontend-bind"}),
        (["queue", "--on-full", ""], {"block", "drop"}),
        (["pull", "--format", "j"], {"json"}),
        (["ctl", "x", "pau"], {"pause"}),
        (["help", "secu"], {"security"}),
        (["help", "stre"], {"streamer"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
        (["top", "--sort", "na"], {"name"}),
    ],
)
def test_what_can_follow_is_offered(words: list[str], some: set[str]) -> None:
    assert some <= set(offered(*words))


@pytest.mark.parametrize("words", [["run", "x"], ["check", ""], ["queue", "--config", ""]])
def test_files_are_left_to_the_shell(words: list[str]) -> None:
    asked = {"COMP_WORDS": " ".join(("zmqdev", *words)), "COMP_CWORD": str(len(words))}
    done = forked.run(
        [],
        capture_output=True,
        text=True,
        env={**os.environ, "_ZMQDEV_COMPLETE": "bash_complete", **asked},
    )
    assert done.stdout.startswith("file,")


def test_devices_that_run_are_offered(tmp_path: Path) -> None:
    env = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    free, ready = "tcp://127.0.0.1:*", tmp_path / "ready"
    with forked.popen(
        ["streamer", free, free, "--name", "orders", "--ready-file", str(ready), "-q"],
        stdout=subprocess.DEVNULL,
        env=env,
    ) as device:
        end = time.monotonic() + PATIENCE
        while not ready.exists():
            assert time.monotonic() < end
            assert device.poll() is None
        assert offered("ctl", "ord", env=env) == ["orders"]
        assert offered("tap", "", env=env) == ["orders"]
        device.terminate()


@contextlib.contextmanager
def shell(words: list[str], place: Path) -> Iterator[int]:
    """A shell on a terminal of its own; what it shows is read from the descriptor."""
    master, slave = pty.openpty()
    path = f"{SCRIPTS}:{os.environ['PATH']}"
    program = subprocess.Popen(
        words,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=place,
        start_new_session=True,
        env={**os.environ, "PATH": path, "TERM": "dumb", "HOME": str(place), "ZDOTDIR": str(place)},
    )
    os.close(slave)
    try:
        yield master
    finally:
        program.kill()
        program.wait()
        os.close(master)


def until_shown(master: int, what: bytes) -> bytes:
    """Read until it is there. AssertionError shows what was there instead."""
    shown, end = b"", time.monotonic() + PATIENCE
    while what not in shown:
        assert time.monotonic() < end, shown
        shown += os.read(master, 4096)
    return shown


SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], b"source <(zmqdev completion bash)"),
    "zsh": (
        ["zsh", "-f", "-i"],
        b"autoload -Uz compinit && compinit -u; source <(zmqdev completion zsh)",
    ),
}


@pytest.mark.parametrize("name", SHELLS)
def test_a_tab_completes(name: str, tmp_path: Path) -> None:
    words, source = SHELLS[name]
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    (tmp_path / "my-topology.yaml").write_text("device: queue\n")
    with shell(words, tmp_path) as master:
        os.write(master, source + b"; echo rea''dy\n")
        until_shown(master, b"ready")
        os.write(master, b"zmqdev strea\t")
        until_shown(master, b"streamer ")
        os.write(master, b"--backend-c\t")
        until_shown(master, b"--backend-c")
        os.write(master, b"\x15zmqdev check my-t\t")
        until_shown(master, b"my-topology.yaml")


def test_fish_completes(tmp_path: Path) -> None:
    """It tells what a Tab would offer."""
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    done = subprocess.run(
        ["fish", "-c", "zmqdev completion fish | source; complete -C 'zmqdev strea'"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "PATH": f"{SCRIPTS}:{os.environ['PATH']}", "HOME": str(tmp_path)},
    )
    assert done.stdout.startswith("streamer"), done.stderr
