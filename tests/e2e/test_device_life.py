"""How a device starts, waits, ends, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zmq
from support.processes import PATIENCE, Program, Start, until
from support.vitals import gone

Context = zmq.Context[zmq.Socket[bytes]]
ANY = "tcp://127.0.0.1:*"
STREAMER = ("streamer", "--frontend-bind", ANY, "--backend-bind", ANY)
SHOWN = ("--stats", "json", "--interval", "50ms")
Ports = Callable[[int], list[int]]


def holds(device: Program) -> bool:
    """Whether it has a message that nobody takes."""
    return re.search(rb'"forward_blocked_pct": [1-9]', device.out) is not None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["forwarder", "streamer", "queue"])
def test_a_signal_ends_an_idle_device_with_status_0(
    start: Start, kind: str, number: signal.Signals
) -> None:
    device = start(kind, "--frontend-bind", ANY, "--backend-bind", ANY, ready=True)
    device.ready()
    device.signal(number)
    assert device.wait() == 0
    assert "Traceback" not in device.err
    assert not device.ready_path.exists()


def test_it_ends_when_started_in_the_background_of_a_shell(tmp_path: Path) -> None:
    """`sh -c 'program &'` starts it with SIGINT ignored."""
    ready = tmp_path / "ready"
    words = [sys.executable, "-m", "zmqdev", *STREAMER, "--ready-file", str(ready), "-q"]
    line = " ".join(f"'{word}'" for word in words)
    shell = subprocess.run(
        ["sh", "-c", f"{line} >/dev/null 2>&1 & echo $!"], stdout=subprocess.PIPE, check=True
    )
    pid = int(shell.stdout)
    until(ready.exists, "ready")
    os.kill(pid, signal.SIGINT)
    until(lambda: gone(pid), "the end after SIGINT")


def test_what_is_inside_is_passed_on_and_the_sender_keeps_the_rest(
    start: Start, context: Context, free_ports: Ports
) -> None:
    front = f"tcp://127.0.0.1:{free_ports(1)[0]}"
    words = ("streamer", "--frontend-bind", front, "--backend-bind", ANY, "--drain", "20s")
    device = start(*words, ready=True)
    ready = device.ready()
    push, pull, later = (context.socket(kind) for kind in (zmq.PUSH, zmq.PULL, zmq.PULL))
    push.connect(ready["frontend"][0])
    for number in range(1500):
        push.send(b"%d" % number)
    device.signal(signal.SIGTERM)
    pull.connect(ready["backend"][0])
    found: list[bytes] = []
    while device.process.poll() is None or pull.poll(0):
        found += [pull.recv()] if pull.poll(10) else []
    assert device.wait() == 0
    until_bound(later, ready["frontend"][0])
    while len(found) < 1500 and later.poll(60_000):
        found.append(later.recv())
    assert found == [b"%d" % number for number in range(1500)]


def until_bound(socket_: zmq.Socket[bytes], address: str) -> None:
    def bound() -> bool:
        try:
            socket_.bind(address)
        except zmq.ZMQError:
            return False
        return True

    until(bound, "the address is free")


def test_what_cannot_be_passed_on_in_time_is_reported(start: Start, context: Context) -> None:
    device = start(*STREAMER, *SHOWN, "--drain", "300ms", ready=True)
    push = context.socket(zmq.PUSH)
    push.connect(device.ready()["frontend"][0])
    push.send(b"nobody takes this")
    until(lambda: holds(device), "the message is inside")
    device.signal(signal.SIGTERM)
    assert device.wait() == 0
    assert "found no peer to take it" in device.err or "still had messages" in device.err


def test_a_queue_waits_for_the_replies_of_its_workers(start: Start, context: Context) -> None:
    device = start("queue", "--frontend-bind", ANY, "--backend-bind", ANY, ready=True)
    ready = device.ready()
    client, worker = context.socket(zmq.REQ), context.socket(zmq.DEALER)
    for item in (client, worker):
        item.set(zmq.RCVTIMEO, 30_000)
    client.connect(ready["frontend"][0])
    worker.connect(ready["backend"][0])
    client.send(b"work")
    request = worker.recv_multipart()
    device.signal(signal.SIGTERM)
    until(lambda: device.process.poll() is None, "it waits")
    worker.send_multipart(request)
    assert client.recv() == b"work"
    assert device.wait() == 0


def test_a_second_signal_leaves_at_once(start: Start, context: Context) -> None:
    device = start(*STREAMER, *SHOWN, "--drain", "60s", ready=True)
    push = context.socket(zmq.PUSH)
    push.connect(device.ready()["frontend"][0])
    push.send(b"stuck")
    until(lambda: holds(device), "the message is inside")
    device.signal(signal.SIGINT)
    until(lambda: "a second signal leaves at once" in device.err, "it drains and says so")
    device.signal(signal.SIGINT)
    assert device.wait(PATIENCE) == 0


def test_duration_ends_it_and_counts_are_whole_messages(start: Start, context: Context) -> None:
    words = ("--duration", "1500ms", "--drain", "30s", "--stats", "json")
    device = start(*STREAMER, *words, ready=True)
    ready = device.ready()
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.connect(ready["frontend"][0])
    pull.connect(ready["backend"][0])
    for _ in range(10):
        push.send_multipart([b"a", b"b", b"c"])
    for _ in range(10):
        pull.recv_multipart()
    assert device.wait() == 0
    last = json.loads(device.lines()[-1])
    assert (last["forward_messages"], last["forward_bytes"]) == (10, 30)
    assert last["uptime"] < 15, "nothing is inside, so the end does not wait"


def test_a_device_starts_before_its_peers_and_outlives_them(
    start: Start, context: Context, free_ports: Ports
) -> None:
    (port,) = free_ports(1)
    device = start(
        *("forwarder", "--frontend-connect", f"tcp://127.0.0.1:{port}", "--backend-bind", ANY),
        ready=True,
    )
    sub = context.socket(zmq.SUB)
    sub.set(zmq.RCVTIMEO, 30_000)
    sub.subscribe(b"")
    sub.connect(device.ready()["backend"][0])
    for number in range(3):
        # A context each: its end waits until the port is free again.
        with zmq.Context() as own, own.socket(zmq.XPUB) as pub:
            pub.bind(f"tcp://127.0.0.1:{port}")
            pub.set(zmq.RCVTIMEO, 30_000)
            assert pub.recv() == b"\x01", "the subscription comes again to a new publisher"
            pub.send(b"%d" % number)
            assert sub.recv() == b"%d" % number
            pub.close(1000)
    assert device.interrupt() == 0


def test_an_ipc_file_is_private_and_its_own(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "q.sock"
    device = start("queue", "--frontend-bind", f"ipc://{path}", "--backend-bind", ANY, ready=True)
    device.ready()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    rival = start("queue", "--frontend-bind", f"ipc://{path}", "--backend-bind", ANY)
    assert rival.wait() == 1
    assert f"already in use by device queue, process {device.process.pid}" in rival.err
    assert device.process.poll() is None
    assert device.interrupt() == 0
    assert not path.exists()


def test_a_socket_file_left_by_a_crash_is_taken_over(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "q.sock"
    first = start("queue", "--frontend-bind", f"ipc://{path}", "--backend-bind", ANY, ready=True)
    first.ready()
    first.signal(signal.SIGKILL)
    first.wait()
    assert path.exists()
    second = start("queue", "--frontend-bind", f"ipc://{path}", "--backend-bind", ANY, ready=True)
    second.ready()
    assert second.interrupt() == 0


def test_a_regular_file_is_never_deleted(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "precious.txt"
    path.write_text("data")
    device = start("queue", "--frontend-bind", f"ipc://{path}", "--backend-bind", ANY)
    assert device.wait() == 1
    assert "exists and is not a socket" in device.err
    assert path.read_text() == "data"


def test_an_address_in_use_is_one_line_and_nothing_half_started(
    start: Start, free_ports: Ports
) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        device = start("streamer", "--backend-bind", f"tcp://127.0.0.1:{port}", ready=True)
        assert device.wait() == 1
    assert f"cannot bind tcp://127.0.0.1:{port}: address already in use" in device.err
    assert len(device.err.splitlines()) == 1
    assert not device.ready_path.exists()
    assert not device.out


def test_no_sigkill_is_needed_when_every_consumer_is_stopped(
    start: Start, context: Context
) -> None:
    """A full target must not keep the device from hearing its signals."""
    device = start(
        *STREAMER,
        *("--drain", "200ms", "--set", "backend.sndhwm=10", "--set", "frontend.rcvhwm=10"),
        ready=True,
    )
    ready = device.ready()
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    pull.set(zmq.RCVHWM, 1)
    pull.connect(ready["backend"][0])
    push.set(zmq.SNDHWM, 10)
    push.connect(ready["frontend"][0])
    body = b"x" * 100_000
    while push.poll(500, zmq.POLLOUT):
        push.send(body)
    device.signal(signal.SIGTERM)
    assert device.wait() == 0


@pytest.mark.parametrize(
    "words", [STREAMER, ("pull", "-b", "tcp://127.0.0.1:*")], ids=["a device", "an endpoint"]
)
def test_there_are_the_io_threads_that_were_asked_for(words: tuple[str, ...], start: Start) -> None:
    def threads(*more: str) -> int:
        program = start(*words, *more, ready=True)
        program.ready()
        names = Path(f"/proc/{program.process.pid}/task").glob("*/comm")
        return sum(name.read_text().startswith("ZMQbg/IO/") for name in names)

    assert threads("--io-threads", "3") - threads() == 2
