"""`make demo-crash` shows what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_the_crash_demonstration_loses_nothing_behind_the_reliable_queue() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "support.crash", "2"],
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    reliable, plain = (numbers(line) for line in done.stdout.splitlines())
    assert reliable["workers killed"] >= 4
    assert reliable["answered"] == reliable["requests"] == 160
    assert reliable["lost"] == 0
    assert plain["workers killed"] >= 4
    assert plain["lost"] > 0


def numbers(line: str) -> dict[str, int]:
    """`4 workers killed, 400 requests` by their words."""
    return {words: int(number) for number, words in re.findall(r"(\d+) ([a-z ]+)", line)}
