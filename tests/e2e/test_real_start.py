"""Each command once with an interpreter of its own: other tests copy one that has loaded all."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support import forked

from zmqdev.cli.program import ROWS

CONFIG = str(Path(__file__).parents[2] / "configs" / "queue.yaml")
BRIEFLY = ("--duration", "50ms")
SIDES = ("--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind", "tcp://127.0.0.1:*")
DEVICE = (*SIDES, *BRIEFLY)
ENDPOINT = ("-b", "tcp://127.0.0.1:*", *BRIEFLY)
NOBODY = "tcp://127.0.0.1:1"

# name -> arguments, and the exit status. One that is not here shows its help.
CALLS: dict[str, tuple[tuple[str, ...], int]] = {
    **dict.fromkeys(("forwarder", "streamer", "queue"), (DEVICE, 0)),
    **dict.fromkeys(("pub", "sub", "push", "pull", "worker", "client"), (ENDPOINT, 0)),
    **dict.fromkeys(("check", "graph"), ((CONFIG,), 0)),
    "run": ((CONFIG, "--dry-run"), 0),
    "export": ((CONFIG, "--to", "systemd"), 0),
    "schema": ((), 0),
    "ctl": ((), 0),
    "top": (("-n", "1"), 0),
    "tap": (("nothing",), 1),
    "probe": ((NOBODY, "--timeout", "50ms"), 1),
    "keygen": (("--form", "z85"), 0),
    "bench": (("pipeline", "--time", "20ms", "--rounds", "1", "--between", "direct"), 0),
}


@pytest.mark.parametrize("name", ROWS)
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
