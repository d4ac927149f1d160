"""Real programs for tests: started, waited for, and ended whatever happens."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.forked import popen

PATIENCE = 30.0
"""Generous: the machine may be busy. No test waits this long when all is well."""


def until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Poll until `condition` holds; AssertionError names what did not come."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, f"not within {patience} s: {what}"
        time.sleep(0.01)


class Program:
    """One `zmqdev` process. Its output goes to files, so that no pipe fills up."""

    def __init__(
        self,
        arguments: list[str],
        place: Path,
        number: int,
        env: dict[str, str],
        **options: Any,
    ) -> None:
        self.name = f"{arguments[0]}-{number}"
        self.ready_path = place / f"{self.name}.ready"
        self.out_path = place / f"{self.name}.out"
        self.err_path = place / f"{self.name}.err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = popen(
                arguments, stdin=subprocess.PIPE, stdout=out, stderr=err, env=env, **options
            )

    @property
    def out(self) -> bytes:
        return self.out_path.read_bytes()

    @property
    def err(self) -> str:
        return self.err_path.read_text(errors="replace")

    def lines(self) -> list[str]:
        return self.out.decode(errors="replace").splitlines()

    def ready(self) -> dict[str, list[str]]:
        """Wait for the ready file: side -> addresses really bound."""
        until(
            lambda: self.ready_path.exists() or self.process.poll() is not None,
            f"{self.name} ready; stderr: {self.err}",
        )
        assert self.ready_path.exists(), f"{self.name} ended: {self.err}"
        found: dict[str, list[str]] = {}
        for line in self.ready_path.read_text().splitlines():
            _, side, _, address = line.split(maxsplit=3)
            found.setdefault(side, []).append(address)
        return found

    def feed(self, data: bytes) -> None:
        """All of stdin at once."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.close()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, patience: float = PATIENCE) -> int:
        """The exit status."""
        return self.process.wait(patience)

    def interrupt(self, patience: float = PATIENCE) -> int:
        self.signal(signal.SIGINT)
        return self.wait(patience)

    def end(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(PATIENCE)


Start = Callable[..., Program]
