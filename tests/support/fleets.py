"""A running file for tests: its text, its program, what its control socket says."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq
from support.processes import Program, Start, until

ASK_MS = 5000


class RunningFile:
    """`zmqdev run` on a file in a directory of the test."""

    def __init__(self, start: Start, place: Path, text: str, *words: str, **more: Any) -> None:
        self.path = place / "f.yaml"
        self.path.write_text(text)
        self.control = f"ipc://{place}/c"
        self.ready_file = place / "all.ready"
        self.program: Program = start(
            *("run", str(self.path), *words),
            *("--control", self.control, "--ready-file", str(self.ready_file)),
            **more,
        )

    def ready(self) -> RunningFile:
        until(
            lambda: self.ready_file.exists() or self.program.process.poll() is not None,
            "every part started",
        )
        assert self.program.process.poll() is None, self.program.err
        return self

    def ask(self, verb: str, **args: str) -> dict[str, Any]:
        """The reply of the control socket."""
        with zmq.Context() as context, context.socket(zmq.REQ) as socket:
            socket.set(zmq.LINGER, 0)
            socket.set(zmq.RCVTIMEO, ASK_MS)
            socket.connect(self.control)
            socket.send(json.dumps({"zmqdev": 1, "verb": verb, "args": args}).encode())
            told: dict[str, Any] = json.loads(socket.recv())
            return told

    def parts(self) -> dict[str, dict[str, Any]]:
        """name -> state, pid, restarts, why, as the control socket tells them."""
        told = self.ask("status")
        return {part["name"]: part for part in told["result"]["details"]["parts"]}

    def processes(self) -> list[int]:
        """Those of parts: the children of the process that `run` has for starting them."""
        pid = self.program.process.pid
        return [part for server in children(pid) for part in children(server)]

    def kill(self, name: str) -> int:
        """SIGKILL a part; the pid it had."""
        pid: int = self.parts()[name]["pid"]
        os.kill(pid, signal.SIGKILL)
        return pid

    def back(self, name: str, pid: int) -> Callable[[], bool]:
        """Whether a part runs again, as another process."""

        def look() -> bool:
            part = self.parts()[name]
            return part["state"] == "running" and part["pid"] != pid

        return look

    def said(self, name: str) -> list[str]:
        """The lines that a part has printed on stdout, without its name."""
        lines = (line.partition(" | ") for line in self.program.lines())
        return [text for head, bar, text in lines if bar and head.strip() == name]


def children(pid: int) -> list[int]:
    """Process ids; none of a process that has gone."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
