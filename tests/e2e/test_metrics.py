"""--metrics and systemd with a real device."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import zmq
from prometheus_client.parser import text_string_to_metric_families
from support.processes import PATIENCE, Start, until

Context = zmq.Context[zmq.Socket[bytes]]
WILDCARDS = ["--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind", "tcp://127.0.0.1:*"]


def fetched(port: int, page: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_device_serves_its_counts(
    start: Start, context: Context, free_ports: Callable[[int], list[int]]
) -> None:
    (port,) = free_ports(1)
    program = start("streamer", *WILDCARDS, "--metrics", f"127.0.0.1:{port}", ready=True)
    sides = program.ready()
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.connect(sides["frontend"][0])
    pull.connect(sides["backend"][0])
    for _ in range(10):
        push.send(b"x" * 10)
        pull.recv()

    def counted() -> dict[str, float]:
        families = text_string_to_metric_families(fetched(port, "/metrics")[1])
        return {
            sample.name: sample.value
            for family in families
            for sample in family.samples
            if sample.labels.get("direction") == "forward"
        }

    until(lambda: counted()["zmqdev_messages_total"] == 10, "ten messages counted")
    assert counted()["zmqdev_bytes_total"] == 100
    assert fetched(port, "/healthz") == (200, "ok\n")
    assert fetched(port, "/readyz") == (200, "ok\n")
    assert program.interrupt() == 0


def test_an_address_that_is_taken_or_wrong_is_one_line(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        program = start("streamer", *WILDCARDS, "--metrics", place)
        assert program.wait() == 1
        assert f"cannot serve metrics at {place}: address already in use" in program.err
    wrong = start("streamer", *WILDCARDS, "--metrics", "nowhere")
    assert wrong.wait() == 2
    assert "--metrics: " in wrong.err


def test_without_prometheus_client_the_fix_is_named(tmp_path: Path) -> None:
    hidden = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from zmqdev.cli.program import run\n"
        "sys.exit(run(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", hidden, "streamer", *WILDCARDS, "--metrics", "127.0.0.1:0"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert done.returncode == 2
    assert "pip install 'zmqdev[metrics]'" in done.stderr


def test_systemd_hears_of_the_whole_life(start: Start, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as here:
        here.bind(str(tmp_path / "notify"))
        here.settimeout(PATIENCE)
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "100000"}
        program = start("streamer", *WILDCARDS, ready=True, env=env)
        assert here.recv(1000).startswith(b"READY=1\n")
        program.ready()
        assert here.recv(1000) == b"WATCHDOG=1"
        program.interrupt()
        told = b""
        while not told.startswith(b"STOPPING=1"):
            told = here.recv(1000)
