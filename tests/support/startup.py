"""The cost of a start: the program, its imports, and a device until it forwards."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import zmq

from zmqdev.errors import RunError
from zmqdev.system.interpreter import program
from zmqdev.tools.bench.cost import resident_bytes
from zmqdev.tools.bench.party.crew import PATIENCE

PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "python -c pass": ("-c", "pass"),
    "import zmq": ("-c", "import zmq"),
    "import click": ("-c", "import click"),
    "zmqdev --version": ("-m", "zmqdev", "--version"),
    "zmqdev --help": ("-m", "zmqdev", "--help"),
}
"""Arguments of Python by name."""
DEVICE = "device until it forwards"


@dataclass(frozen=True)
class Started:
    """One start: seconds it took, and bytes of resident memory where something stays."""

    took: float
    resident: int | None = None


def measured(rounds: int) -> Iterator[tuple[str, Started]]:
    """The median of each start, by name; the starts take turns."""
    starts: dict[str, Callable[[Path], Started]] = {
        name: lambda place, arguments=arguments: run(arguments, place)
        for name, arguments in PROGRAMS.items()
    }
    starts[DEVICE] = forwarding
    found: dict[str, list[Started]] = {name: [] for name in starts}
    for _ in range(rounds):
        for name, start in starts.items():
            with tempfile.TemporaryDirectory(prefix="zmqdev-start-") as place:
                found[name].append(start(Path(place)))
    for name, runs in found.items():
        memory = [run.resident for run in runs if run.resident is not None]
        resident = int(statistics.median(memory)) if memory else None
        yield name, Started(statistics.median(run.took for run in runs), resident)


def run(arguments: tuple[str, ...], place: Path) -> Started:
    """In an empty directory: nothing that lies about is imported."""
    begun = time.monotonic()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, cwd=place)
    return Started(time.monotonic() - begun)


def forwarding(place: Path) -> Started:
    """From the start of a streamer until a message is through, and its idle memory.

    Both peers are there before and try to connect every millisecond.
    """
    frontend, backend = f"ipc://{place}/front", f"ipc://{place}/back"
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    try:
        for socket, address in ((push, frontend), (pull, backend)):
            socket.reconnect_ivl, socket.linger = 1, 0
            socket.connect(address)
        push.send(b"first")
        return _until_through(pull, place, frontend, backend)
    finally:
        context.destroy(linger=0)


def _until_through(pull: zmq.Socket[bytes], place: Path, frontend: str, backend: str) -> Started:
    flags = ["--frontend-bind", frontend, "--backend-bind", backend, "--stats", "line"]
    flags += ["--control", f"ipc://{place}/control", "--duration", f"{PATIENCE:.0f}s"]
    begun = time.monotonic()
    process = subprocess.Popen(program("streamer", *flags), stdout=subprocess.DEVNULL)
    try:
        if not pull.poll(int(PATIENCE * 1000)):
            raise RunError("the streamer has passed nothing on")
        took = time.monotonic() - begun
        return Started(took, resident_bytes(process.pid))
    finally:
        process.terminate()
        process.wait()
