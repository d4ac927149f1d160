"""The cost of a start: the program, its imports, and a device until it forwards."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import zmq

from zmqdev.errors import RunError
from zmqdev.system.interpreter import program
from zmqdev.tools.bench.cost import resident_bytes
from zmqdev.tools.bench.load import STARTS
from zmqdev.tools.bench.party.crew import PATIENCE
from zmqdev.tools.bench.report import Run

TIMES = 5
"""Starts in a run; what counts is their median."""


def once(name: str, round_: int, place: Path) -> Run:
    arguments = STARTS[name].arguments
    if arguments is None:
        took, resident = _forwarding(place)
        return Run(name, round_, took=took, resident=resident)
    return Run(name, round_, took=statistics.median(_timed(arguments, place) for _ in range(TIMES)))


def _timed(arguments: tuple[str, ...], place: Path) -> float:
    """In an empty directory: nothing that lies about is imported."""
    begun = time.monotonic()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, cwd=place)
    return time.monotonic() - begun


def _forwarding(place: Path) -> tuple[float, int | None]:
    """Seconds from the start of a streamer until a message is through, its idle memory.

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


def _until_through(
    pull: zmq.Socket[bytes], place: Path, frontend: str, backend: str
) -> tuple[float, int | None]:
    flags = ["--frontend-bind", frontend, "--backend-bind", backend, "--stats", "line"]
    flags += ["--control", f"ipc://{place}/control", "--duration", f"{PATIENCE:.0f}s"]
    begun = time.monotonic()
    process = subprocess.Popen(program("streamer", *flags), stdout=subprocess.DEVNULL)
    try:
        if not pull.poll(int(PATIENCE * 1000)):
            raise RunError("bench: the streamer has passed nothing on")
        took = time.monotonic() - begun
        return took, resident_bytes(process.pid)
    finally:
        process.terminate()
        process.wait()
