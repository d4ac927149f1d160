"""Each command once with an interpreter of its own: other tests copy one that has loaded all."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from e2e.test_working_directory import COMMANDS
from support import forked

from zmqdev.cli.program import ROWS

BRIEFLY = ("--duration", "50ms")
SIDES = ("--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind", "tcp://127.0.0.1:*")
DEVICE = (*SIDES, *BRIEFLY)
ENDPOINT = ("-b", "tcp://127.0.0.1:*", *BRIEFLY)
NOBODY = "tcp://127.0.0.1:1"

STARTED_THERE = {words.split()[0] for words in COMMANDS}
# name -> arguments, and the exit status. One that is not here shows its help.
CALLS: dict[str, tuple[tuple[str, ...], int]] = {
    **dict.fromkeys(("forwarder", "queue"), (DEVICE, 0)),
    **dict.fromkeys(("pub", "sub", "push", "worker", "client"), (ENDPOINT, 0)),
    "tap": (("nothing",), 1),
    "probe": ((NOBODY, "--timeout", "50ms"), 1),
}


@pytest.mark.parametrize("name", [name for name in ROWS if name not in STARTED_THERE])
def test_it_starts_from_nothing(name: str, tmp_path: Path) -> None:
    words, status = CALLS.get(name, (("--help",), 0))
    done = forked.run(
        [name, *words],
        cold=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={"XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
