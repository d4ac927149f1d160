"""A reader that does not read for longer than a heartbeat's timeout loses nothing.

While nobody reads, libzmq takes nothing more from a connection, the answers to its
heartbeats neither, and ended healthy connections with all that was on its way.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import Start

COUNT, SIZE = 60_000, 1000
# Above the interval of the heartbeats that are on where nobody says so, 5 s.
STALL = 7.0
IMPATIENT = ("--set", "heartbeat_timeout=300")


@pytest.mark.parametrize("binds", ["sender", "device"])
def test_a_consumer_may_rest(start: Start, context: Any, tmp_path: Path, binds: str) -> None:
    lines = b"".join(b"%0*d\n" % (SIZE - 1, number) for number in range(COUNT))
    (tmp_path / "in").write_bytes(lines)
    meeting = f"ipc://{tmp_path}/s"
    ours, theirs = ("--bind", "connect") if binds == "sender" else ("--connect", "bind")
    sides = (f"--frontend-{theirs}", meeting, "--backend-bind", "tcp://127.0.0.1:*")
    both = tuple(
        word for side in ("frontend", "backend") for word in ("--set", f"{side}.{IMPATIENT[1]}")
    )
    streamer = start("streamer", *sides, *both, "--stats", "off", ready=True)
    push = start("push", ours, meeting, "-F", str(tmp_path / "in"), "--drain", "60s", *IMPATIENT)
    pull = context.socket(zmq.PULL)
    pull.rcvtimeo = 60_000
    pull.connect(streamer.ready()["backend"][0])
    got = [pull.recv()]
    time.sleep(STALL)  # what is tested, not what is waited for
    while len(got) < COUNT:
        got.append(pull.recv())
    assert b"".join(line + b"\n" for line in got) == lines
    assert push.wait() == 0, push.err
