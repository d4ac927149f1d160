"""The demonstrations of the reliable queue show what they say."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from support.processes import Start, until

TESTS = Path(__file__).parents[1]


def test_the_crash_demonstration_loses_nothing_behind_the_reliable_queue() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "support.crash", "3"],
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    reliable, plain = (numbers(line) for line in done.stdout.splitlines())
    assert reliable["workers killed"] == plain["workers killed"] == 6
    assert reliable["answered"] == reliable["requests"] > 50
    assert reliable["lost"] == 0
    assert reliable["given to another worker"] > 0
    assert plain["requests"] > 50
    assert plain["lost"] > 0


def test_an_interrupted_crash_demonstration_ends_in_silence(tmp_path: Path) -> None:
    here = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-m", "support.crash", "60"],
        cwd=TESTS,
        env=here,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as demonstration:
        until(lambda: list(tmp_path.rglob("ready")), "the queue")
        os.killpg(demonstration.pid, signal.SIGINT)
        assert demonstration.stderr is not None
        said = demonstration.stderr.read()  # to its end: nobody has it open any more
    assert demonstration.returncode == 130
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def numbers(line: str) -> dict[str, int]:
    """`4 workers killed, 400 requests` by their words."""
    return {words: int(number) for number, words in re.findall(r"(\d+) ([a-z ]+)", line)}


def test_the_arrangement_answers_all_although_its_workers_die(
    start: Start, free_ports: Callable[[int], list[int]], tmp_path: Path
) -> None:
    text = (TESTS.parent / "configs" / "reliable-queue.yaml").read_text()
    for written, free in zip(("5555", "5559"), free_ports(2), strict=True):
        text = text.replace(written, str(free))
    here = tmp_path / "reliable-queue.yaml"
    here.write_text(text)
    program = start("run", str(here))
    until(lambda: "20 answered" in program.err + program.out.decode(), "all answered")
    program.interrupt()
    said = program.out.decode() + program.err
    assert said.count("killed by SIGKILL") >= 2
    for number in range(20):
        assert f"Processed: Req-{number}\n" in said
