"""A reliable queue and its workers as real programs, for tests."""

from __future__ import annotations

import json
import os
from typing import Any

from support.processes import Program, Start, until

# Bytes from the end of the statistics that hold more than a line.
LINES = 1 << 16


class Queue:
    """A reliable queue that runs, its two addresses, and what it says of itself."""

    def __init__(
        self,
        start: Start,
        *arguments: str,
        frontend: str = "",
        backend: str = "",
        **options: Any,
    ) -> None:
        self.program: Program = start(
            "queue",
            "--reliable",
            *("--frontend-bind", frontend or "tcp://127.0.0.1:*"),
            *("--backend-bind", backend or "tcp://127.0.0.1:*"),
            *("--stats", "json", "--interval", "50ms"),
            *arguments,
            ready=True,
            **options,
        )
        ready = self.program.ready()
        self.frontend, self.backend = ready["frontend"][0], ready["backend"][0]

    def state(self) -> dict[str, Any]:
        """The last line that is whole."""
        with open(self.program.out_path, "rb") as out:
            out.seek(max(0, out.seek(0, os.SEEK_END) - LINES))
            whole = [line for line in out.readlines() if line.endswith(b"\n")]
        return dict(json.loads(whole[-1])["reliable"]) if whole else {}

    def count(self, name: str) -> int:
        return int(self.state().get("counters", {}).get(name, 0))

    def workers(self) -> int:
        services = self.state().get("services", [])
        return sum(item["ready"] + item["busy"] + item["overdue"] for item in services)

    def is_empty(self) -> bool:
        state = self.state()
        return bool(state) and not state["queued"] and not state["in_flight"]

    def settle(self, workers: int) -> None:
        """Wait until so many workers are registered."""
        until(lambda: self.workers() == workers, f"{workers} workers; {self.program.err}")


def own_worker(start: Start, queue: Queue, *more: str) -> Program:
    return start(
        "worker", "--reliable", "-c", queue.backend, "--reply", "{body} by zmqdev", "-q", *more
    )
