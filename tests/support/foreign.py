"""Programs of others, from PyPI: used where they are installed, and never by zmqdev itself.

`make foreign` installs them in build/foreign and runs their tests; ZMQDEV_FOREIGN names another
Python that has them. Where a package is missing the test is skipped, and says so.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("ZMQDEV_FOREIGN") or str(_ROOT / "build/foreign/bin/python")
PATIENCE = 60


@cache
def has(package: str) -> bool:
    if not Path(PYTHON).exists():
        return False
    look = f"import importlib.util, sys; sys.exit(not importlib.util.find_spec({package!r}))"
    return subprocess.run([PYTHON, "-c", look], check=False).returncode == 0


def needs(package: str) -> pytest.MarkDecorator:
    """Skip without this package."""
    return pytest.mark.skipif(
        not has(package), reason=f"{package} is not installed at {PYTHON}: make foreign"
    )


@contextmanager
def running(*words: str, place: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program in that Python, `words` after its name; what it says is in `name`.log."""
    with open(place / f"{name}.log", "wb") as out:
        process = subprocess.Popen(
            [PYTHON, *words],
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE)


def said(place: Path, name: str) -> str:
    return (place / f"{name}.log").read_text(errors="replace")
