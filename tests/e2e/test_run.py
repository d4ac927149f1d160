"""`zmqdev run`: parts start in order, crash alone, come back, and stop together."""

from __future__ import annotations

import array
import fcntl
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from support.fleets import RunningFile
from support.processes import PATIENCE, Start, until

Ports = Callable[[int], list[int]]
TICKS = """
defaults: {{control: off, drain: 500ms}}
parts:
  out: {{endpoint: sub, replicas: 2, connect: tcp://127.0.0.1:{1}}}
  mid:
    device: forwarder
    frontend: {{connect: tcp://127.0.0.1:{0}}}
    backend: {{bind: tcp://127.0.0.1:{1}}}
  in: {{endpoint: pub, bind: tcp://127.0.0.1:{0}, data: tick {{n}}, interval: 10ms}}
"""


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.fixture
def ticks(start: Start, tmp_path: Path, free_ports: Ports) -> RunningFile:
    text = TICKS.format(*free_ports(2)).replace("tick {n}", "'tick {n}'")
    return RunningFile(start, tmp_path, text).ready()


def test_every_part_runs_and_its_lines_carry_its_name(ticks: RunningFile) -> None:
    until(lambda: ticks.said("out-1") and ticks.said("out-2"), "ticks at both subscribers")
    assert {part["state"] for part in ticks.parts().values()} == {"running"}
    assert ticks.said("out-1")[0].startswith("tick ")
    assert ticks.program.interrupt() == 0
    assert " error: " not in ticks.program.err


def test_one_signal_stops_all_and_leaves_nothing_behind(ticks: RunningFile) -> None:
    pids = [part["pid"] for part in ticks.parts().values()]
    assert all(alive(pid) for pid in pids)
    ticks.program.signal(signal.SIGTERM)
    assert ticks.program.wait() == 0
    assert not [pid for pid in pids if alive(pid)]
    assert not ticks.ready_file.exists()


def test_a_signal_in_the_middle_of_the_start_leaves_nothing_behind(
    start: Start, tmp_path: Path, free_ports: Ports
) -> None:
    text = """
parts:
  out: {{endpoint: sub, replicas: 6, connect: tcp://127.0.0.1:{0}}}
  in: {{endpoint: pub, bind: tcp://127.0.0.1:{0}, data: x, interval: 10ms}}
"""
    run = RunningFile(start, tmp_path, text.format(*free_ports(1)))
    begun: list[int] = []
    until(lambda: begun.extend(run.processes()) or len({*begun}) > 1, "it starts")
    assert run.program.interrupt() == 0
    assert not [pid for pid in begun if alive(pid)]
    assert "Traceback" not in run.program.err


def test_systemd_hears_of_the_whole_and_no_part_speaks_to_it(
    start: Start, tmp_path: Path, free_ports: Ports
) -> None:
    text = TICKS.format(*free_ports(2)).replace("tick {n}", "'tick {n}'")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE)
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"}
        run = RunningFile(start, tmp_path, text, env=env)
        heard = [systemd.recv(1000)]
        while not heard[-1].startswith(b"READY=1"):
            heard.append(systemd.recv(1000))
        assert {*heard[:-1]} <= {b"WATCHDOG=1"}
        while not heard[-1].endswith(b"STATUS=4 of 4 parts run"):
            heard.append(systemd.recv(1000))
        run.ask("stop-part", name="out-2")
        while heard[-1] != b"STATUS=3 of 4 parts run; out-2 ended":
            heard.append(systemd.recv(1000))
        while heard[-1] != b"WATCHDOG=1":
            heard.append(systemd.recv(1000))
        run.program.signal(signal.SIGTERM)
        while not heard[-1].startswith(b"STOPPING=1"):
            heard.append(systemd.recv(1000))
        assert run.program.wait() == 0
    assert len([text for text in heard if text.startswith(b"READY=1")]) == 1


def test_a_killed_part_comes_back_and_the_rest_goes_on(ticks: RunningFile) -> None:
    before = ticks.parts()
    pid = ticks.kill("mid")
    until(ticks.back("mid", pid), "mid is back")
    seen = len(ticks.said("out-1"))
    until(lambda: len(ticks.said("out-1")) > seen, "ticks pass again")
    after = ticks.parts()
    assert after["mid"]["restarts"] == 1
    assert [after[n]["pid"] for n in ("in", "out-1")] == [before[n]["pid"] for n in ("in", "out-1")]
    assert "warning: mid: killed by SIGKILL; starts again in 200ms" in ticks.program.err


def test_a_killed_run_takes_its_parts_with_it(ticks: RunningFile) -> None:
    pids = [part["pid"] for part in ticks.parts().values()]
    ticks.program.signal(signal.SIGKILL)
    ticks.program.wait()
    until(lambda: not [pid for pid in pids if alive(pid)], "no part is left")


def test_a_part_can_be_stopped_started_and_restarted_alone(ticks: RunningFile) -> None:
    before = ticks.parts()
    assert ticks.ask("stop-part", name="out-2")["ok"]
    until(lambda: ticks.parts()["out-2"]["state"] == "ended", "out-2 has ended")
    assert ticks.ask("start-part", name="out-2")["ok"]
    until(ticks.back("out-2", before["out-2"]["pid"]), "out-2 runs again")
    assert ticks.ask("restart-part", name="out")["result"] == {"restarted": ["out-1", "out-2"]}
    until(ticks.back("out-1", before["out-1"]["pid"]), "out-1 runs again")
    assert ticks.parts()["in"]["pid"] == before["in"]["pid"]


def test_a_wrong_request_is_answered(ticks: RunningFile) -> None:
    reply = ticks.ask("restart-part", name="nobody")
    assert not reply["ok"]
    assert "no part 'nobody'" in reply["error"]["message"]
    assert ticks.ask("dance")["error"]["code"] == "unknown-verb"


def test_ctl_shows_and_steers_the_parts(ticks: RunningFile, start: Start) -> None:
    pid = ticks.parts()["mid"]["pid"]
    assert start("ctl", ticks.control, "restart-part", "mid").wait() == 0
    until(ticks.back("mid", pid), "mid runs anew")
    shown = start("ctl", ticks.control)
    assert shown.wait() == 0
    assert any("mid" in line and "forwarder, running" in line for line in shown.lines())


def test_the_graph_carries_the_rates_of_what_runs(
    start: Start, tmp_path: Path, free_ports: Ports
) -> None:
    text = TICKS.replace("control: off, ", "").format(*free_ports(2))
    run = RunningFile(start, tmp_path, text.replace("tick {n}", "'tick {n}'")).ready()
    until(lambda: run.said("out-1"), "ticks pass")
    shown = start("graph", str(run.path), "--live")
    assert shown.wait() == 0
    into, out = (line for line in shown.lines() if " mid forwarder" in line or " out-1 sub" in line)
    assert " msg/s" in into
    assert "at most " in out
    assert "not measured" not in shown.out.decode()


def test_ctl_stops_it(ticks: RunningFile) -> None:
    assert ticks.ask("stop")["ok"]
    assert ticks.program.wait() == 0


def test_a_second_signal_leaves_at_once(start: Start, tmp_path: Path, free_ports: Ports) -> None:
    text = """
parts:
  q:
    device: queue
    drain: 60s
    control: off
    frontend: {{bind: tcp://127.0.0.1:{0}}}
    backend: {{bind: tcp://127.0.0.1:{1}}}
  c: {{endpoint: client, connect: tcp://127.0.0.1:{0}, timeout: 60s, drain: 60s}}
"""
    run = RunningFile(start, tmp_path, text.format(*free_ports(2))).ready()
    run.program.signal(signal.SIGINT)
    until(lambda: "stopping" in {p["state"] for p in run.parts().values()}, "it drains")
    run.program.signal(signal.SIGINT)
    assert run.program.wait() == 0


def test_a_part_that_cannot_start_is_given_up_and_the_status_tells(
    start: Start, tmp_path: Path, free_ports: Ports
) -> None:
    text = """
defaults: {{control: off, restart: {{delay: 10ms, limit: 2}}}}
parts:
  a: {{device: streamer, frontend: {{bind: tcp://10.255.255.1:1}}, backend: {{bind: tcp://127.0.0.1:{0}}}}}
  b: {{endpoint: pull, connect: tcp://127.0.0.1:{0}, duration: 2s}}
"""
    run = RunningFile(start, tmp_path, text.format(*free_ports(1)))
    assert run.program.wait() == 1
    assert run.program.err.count("this machine has no such address") == 3
    assert "error: a: failed with exit status 1; given up after 2 new starts" in run.program.err


def test_a_part_that_is_down_when_all_is_stopped_is_no_success(
    start: Start, tmp_path: Path, free_ports: Ports
) -> None:
    text = """
defaults: {{control: off, restart: {{delay: 10ms, longest-delay: 10ms, limit: 0}}}}
parts:
  a: {{device: streamer, frontend: {{bind: tcp://10.255.255.1:1}}, backend: {{bind: tcp://127.0.0.1:{0}}}}}
"""
    run = RunningFile(start, tmp_path, text.format(*free_ports(1)))
    until(lambda: run.program.err.count("starts again in") > 1, "it crashes again and again")
    assert run.program.interrupt() == 1


def test_it_ends_when_every_part_has_ended(start: Start, tmp_path: Path, free_ports: Ports) -> None:
    text = """
parts:
  a: {{endpoint: push, bind: tcp://127.0.0.1:{0}, data: 'job {{n}}', count: 3}}
  b: {{endpoint: pull, connect: tcp://127.0.0.1:{0}, count: 3}}
"""
    run = RunningFile(start, tmp_path, text.format(*free_ports(1)))
    assert run.program.wait() == 0
    assert run.said("b") == ["job 0", "job 1", "job 2"]


def test_until_ends_all_with_the_status_of_one(
    start: Start, tmp_path: Path, free_ports: Ports
) -> None:
    text = """
defaults: {{control: off, drain: 500ms}}
parts:
  q: {{device: streamer, frontend: {{bind: tcp://127.0.0.1:{0}}}, backend: {{bind: tcp://127.0.0.1:{1}}}}}
  b: {{endpoint: pull, connect: tcp://127.0.0.1:{1}, count: 3, timeout: 200ms}}
"""
    run = RunningFile(start, tmp_path, text.format(*free_ports(2)), "--until", "b")
    assert run.program.wait() == 3


def test_only_the_named_parts_start(start: Start, tmp_path: Path, free_ports: Ports) -> None:
    text = TICKS.format(*free_ports(2)).replace("tick {n}", "'tick {n}'")
    run = RunningFile(start, tmp_path, text, "out-1").ready()
    assert list(run.parts()) == ["out-1", "mid", "in"]
    run.program.interrupt()


def test_only_means_nothing_else(start: Start, tmp_path: Path, free_ports: Ports) -> None:
    text = TICKS.format(*free_ports(2)).replace("tick {n}", "'tick {n}'")
    run = RunningFile(start, tmp_path, text, "mid", "--only").ready()
    assert list(run.parts()) == ["mid"]
    run.program.interrupt()


def test_dry_run_opens_every_socket_and_stays_silent_about_it(
    start: Start, tmp_path: Path, free_ports: Ports
) -> None:
    ports = free_ports(2)
    text = TICKS.format(*ports).replace("tick {n}", "'tick {n}'")
    run = RunningFile(start, tmp_path, text, "--dry-run")
    assert run.program.wait() == 0
    assert f"mid backend XPUB bind tcp://127.0.0.1:{ports[1]}" in run.program.lines()
    assert len(run.program.lines()) == 5


def test_dry_run_tells_what_cannot_be_opened(start: Start, tmp_path: Path) -> None:
    text = "parts: {a: {endpoint: pull, bind: 'tcp://10.255.255.1:1'}}"
    run = RunningFile(start, tmp_path, text, "--dry-run")
    assert run.program.wait() == 1
    assert (
        run.program.err == "a: cannot bind tcp://10.255.255.1:1: this machine has no such address\n"
    )


def test_a_wrong_file_starts_nothing(start: Start, tmp_path: Path) -> None:
    run = RunningFile(start, tmp_path, "parts: {a: {device: queue, drian: 1s, drain: x}}")
    assert run.program.wait() == 2
    assert "unknown key 'drian'; did you mean 'drain'? (1 more: `zmqdev check`" in run.program.err


def test_devices_joined_by_inproc_share_the_process(
    start: Start, tmp_path: Path, free_ports: Ports
) -> None:
    text = """
defaults: {{control: off, drain: 500ms}}
parts:
  in: {{endpoint: push, connect: tcp://127.0.0.1:{0}, data: 'job {{n}}', count: 100}}
  one: {{device: streamer, frontend: {{bind: tcp://127.0.0.1:{0}}}, backend: {{bind: inproc://x}}}}
  two: {{device: streamer, frontend: {{connect: inproc://x}}, backend: {{bind: tcp://127.0.0.1:{1}}}}}
  out: {{endpoint: pull, connect: tcp://127.0.0.1:{1}, count: 100}}
"""
    run = RunningFile(start, tmp_path, text.format(*free_ports(2)), "--until", "out")
    assert run.program.wait() == 0
    assert run.said("out") == [f"job {number}" for number in range(100)]


def test_joined_devices_come_and_go_together(
    start: Start, tmp_path: Path, free_ports: Ports
) -> None:
    text = """
defaults: {{control: off, drain: 500ms}}
parts:
  in: {{endpoint: push, connect: tcp://127.0.0.1:{0}, data: 'job {{n}}', interval: 5ms}}
  one: {{device: streamer, frontend: {{bind: tcp://127.0.0.1:{0}}}, backend: {{bind: inproc://x}}}}
  two: {{device: streamer, frontend: {{connect: inproc://x}}, backend: {{bind: tcp://127.0.0.1:{1}}}}}
  out: {{endpoint: pull, connect: tcp://127.0.0.1:{1}}}
"""
    run = RunningFile(start, tmp_path, text.format(*free_ports(2))).ready()
    assert run.parts()["one"]["pid"] is None
    assert run.ask("restart-part", name="one")["ok"]
    seen = len(run.said("out"))
    until(lambda: len(run.said("out")) > seen + 20, "jobs pass through the new pair")
    assert run.program.interrupt() == 0, run.program.err


def test_a_zdcf_file_just_works(start: Start, tmp_path: Path, free_ports: Ports) -> None:
    ports = free_ports(2)
    text = (
        '{"version": 1.0, "apps": {"a": {"devices": {"main": {"type": "zmq_queue", "sockets": '
        '{"frontend": {"bind": "tcp://127.0.0.1:%d"}, "backend": {"bind": "tcp://127.0.0.1:%d"}}}}}}}'
    )
    run = RunningFile(start, tmp_path, text % tuple(ports)).ready()
    assert run.parts()["main"]["kind"] == "queue"
    assert run.program.interrupt() == 0, run.program.err


def test_statistics_of_all_parts_come_as_lines(
    start: Start, tmp_path: Path, free_ports: Ports
) -> None:
    text = TICKS.format(*free_ports(2)).replace("tick {n}", "'tick {n}'")
    words = ("--stats", "line", "--interval", "200ms")
    run = RunningFile(start, tmp_path, text, *words).ready()

    def passed() -> bool:
        lines = [line for line in run.program.lines() if "device=mid" in line]
        return any("forward_messages=0" not in line and "forward_" in line for line in lines)

    until(passed, "counts of mid")
    run.program.interrupt()
    assert any("endpoint=out-1" in line for line in run.program.lines())


def test_a_slow_reader_makes_the_parts_wait(tmp_path: Path, free_ports: Ports) -> None:
    """A pipe that nobody reads: nothing is lost and the memory does not grow."""
    path, count, port = tmp_path / "f.yaml", 20_000, free_ports(1)[0]
    # Heartbeats off: libzmq 4.3.5 aborts when one is missed while a socket's intake is stopped.
    path.write_text(
        "defaults: {drain: 60s, heartbeat_ivl: 0}\nparts:\n"
        f"  in: {{endpoint: push, bind: 'tcp://127.0.0.1:{port}', "
        f"data: '{'x' * 50} {{n}}', count: {count}}}\n"
        f"  out: {{endpoint: pull, connect: 'tcp://127.0.0.1:{port}', count: {count}}}\n"
    )
    command = [sys.executable, "-m", "zmqdev", "run", str(path), "--control", "off"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        # It holds 64 KiB; how many of them are used depends on the sizes of the writes.
        until(lambda: _waiting(process.stdout) >= 16_000, "the pipe is full")
        lines = process.stdout.read().splitlines()
    assert process.returncode == 0
    assert len(lines) == count
    assert lines[-1].endswith(b" %d" % (count - 1))


def _waiting(pipe: IO[bytes] | None) -> int:
    """Bytes in a pipe that nobody has read."""
    assert pipe is not None
    found = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, found)
    return found[0]


def test_a_file_named_as_its_device_leaves_it_the_name(
    start: Start, free_ports: Ports, tmp_path: Path
) -> None:
    path = tmp_path / "queue.yaml"
    front, back = free_ports(2)
    path.write_text(
        f"device: queue\nfrontend: {{bind: tcp://127.0.0.1:{front}}}\n"
        f"backend: {{bind: tcp://127.0.0.1:{back}}}\n"
    )
    run = start("run", str(path), "--stats", "off", ready=True)
    until(run.ready_path.exists, "the queue")
    asked = start("ctl", "queue", "status")
    assert asked.wait() == 0, asked.err
    assert asked.lines()[0].startswith("queue: queue, running")
    whole = start("ctl", "queue.yaml", "status")
    assert whole.wait() == 0, whole.err
    assert whole.lines()[0].startswith("queue.yaml: ")
    assert run.interrupt() == 0, run.err
