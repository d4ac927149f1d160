"""ctl, tap and the control socket with real programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from support import forked
from support.processes import PATIENCE, Start, until
from support.vitals import cpu_seconds, kept_waiting

from zmqdev.control.client import Asker

Context = zmq.Context[zmq.Socket[bytes]]
WILDCARDS = ["--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind", "tcp://127.0.0.1:*"]
# A control socket answers within this, also when every consumer is stalled.
AT_ONCE = 0.05
Ctl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ctl(tmp_path: Path, start: Start) -> Ctl:
    """Runs `zmqdev ctl ...` where the programs of this test can be found."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        # The machine may be busy; who waits for no answer says for how long.
        patience = () if "--timeout" in words else ("--timeout", "20s")
        return forked.run(
            ["ctl", *patience, *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={"XDG_RUNTIME_DIR": str(tmp_path / "run")},
        )

    return run


@pytest.fixture
def asker() -> Iterator[Asker]:
    with Asker() as made:
        yield made


def control_of(tmp_path: Path, name: str) -> str:
    return f"ipc://{tmp_path}/run/zmqdev/{name}.sock"


def test_without_a_name_ctl_lists_what_runs(start: Start, ctl: Ctl) -> None:
    assert ctl().stdout == "this user has no running device\n"
    start("queue", *WILDCARDS, "--name", "orders", ready=True).ready()
    start("streamer", *WILDCARDS, ready=True).ready()
    lines = ctl().stdout.splitlines()
    assert lines[0].split()[:3] == ["NAME", "KIND", "STATE"]
    assert [line.split()[:3] for line in lines[1:]] == [
        ["orders", "queue", "running"],
        ["streamer", "streamer", "running"],
    ]
    assert [told["name"] for told in json.loads(ctl("--json").stdout)] == ["orders", "streamer"]


def test_a_device_that_was_killed_is_no_longer_listed(start: Start, ctl: Ctl) -> None:
    program = start("queue", *WILDCARDS, ready=True)
    program.ready()
    program.signal(signal.SIGKILL)
    program.wait()
    assert ctl().stdout == "this user has no running device\n"


def test_a_device_that_does_not_answer_is_listed_as_such(start: Start, ctl: Ctl) -> None:
    program = start("queue", *WILDCARDS, ready=True)
    program.ready()
    program.signal(signal.SIGSTOP)
    assert "no answer" in ctl("--timeout", "200ms").stdout
    result = ctl("queue", "--timeout", "200ms")
    assert (result.returncode, result.stdout) == (1, "")
    assert "no answer within 0.2 s" in result.stderr


def test_ctl_shows_the_status_and_steers(start: Start, ctl: Ctl) -> None:
    program = start("queue", *WILDCARDS, ready=True)
    program.ready()
    assert ctl("queue").stdout.startswith("queue: queue, running, up ")
    assert ctl("queue", "pause").stdout == "state: paused\n"
    assert json.loads(ctl("queue", "--json").stdout)["state"] == "paused"
    assert ctl("queue", "resume").stdout == "state: running\n"
    assert ctl("queue", "reset").stdout == "done\n"
    assert ctl("queue", "stop").returncode == 0
    assert program.wait() == 0
    assert ctl("queue").returncode == 1


@pytest.mark.parametrize("verb", ["stop", "drain"])
def test_stop_and_drain_return_once_it_has_ended(start: Start, ctl: Ctl, verb: str) -> None:
    addresses = WILDCARDS
    for _ in range(3):
        program = start("streamer", *addresses, ready=True)
        found = program.ready()
        addresses = ["--frontend-bind", found["frontend"][0], "--backend-bind", found["backend"][0]]
        assert ctl("streamer", verb).returncode == 0
        assert program.process.poll() == 0


def test_what_was_left_inside_is_told_by_the_status_of_stop(
    start: Start, ctl: Ctl, context: Context
) -> None:
    program = start("streamer", *WILDCARDS, "--drain", "2s", ready=True)
    push = context.socket(zmq.PUSH)
    push.connect(program.ready()["frontend"][0])
    push.send(b"stuck")
    until(lambda: "1 peer now" in ctl("streamer").stdout, "the message is on its way")
    done = ctl("streamer", "stop")
    assert done.returncode == 1
    assert "streamer: draining, 1 messages inside" in done.stderr
    assert "1 message inside found no peer to take it" in done.stderr
    assert program.wait() == 0


def test_no_wait_returns_at_once(start: Start, ctl: Ctl, context: Context) -> None:
    program = start("streamer", *WILDCARDS, "--drain", "60s", ready=True)
    push = context.socket(zmq.PUSH)
    push.connect(program.ready()["frontend"][0])
    push.send(b"stuck")
    until(lambda: "1 peer now" in ctl("streamer").stdout, "the message is on its way")
    assert ctl("--no-wait", "streamer", "stop").returncode == 0
    assert program.process.poll() is None
    assert ctl("streamer", "stop", "now").returncode in (0, 1)
    assert program.wait() == 0


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["quue"], 1, "no running device named 'quue'; did you mean 'queue'?"),
        (["queue", "pauze"], 2, "no verb 'pauze'; did you mean 'pause'?"),
        (["queue", "set", "on-full"], 2, "set needs value"),
        (["queue", "drain", "soon"], 2, "within: 'soon' is not a duration"),
        (["queue", "bind", "left", "tcp://*:*"], 1, "'left'"),
        (["queue", "unbind", "frontend", "tcp://*:1"], 1, "is not among"),
        (["queue", "set", "speed", "9"], 1, "no setting named 'speed'"),
        (["ftp://x", "status"], 2, "unknown transport 'ftp'"),
        (["queue", "status", "--timeout", "x"], 2, "--timeout: 'x' is not a duration"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_word_gives_one_line_and_changes_nothing(
    start: Start, ctl: Ctl, words: list[str], status: int, message: str
) -> None:
    start("queue", *WILDCARDS, ready=True).ready()
    result = ctl(*words)
    assert (result.returncode, result.stdout) == (status, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert json.loads(ctl("queue", "--json").stdout)["state"] == "running"


def test_the_config_that_ctl_shows_starts_the_same_device(
    start: Start, ctl: Ctl, tmp_path: Path
) -> None:
    start("queue", *WILDCARDS, "--set", "backend.sndhwm=77", ready=True).ready()
    ctl("queue", "set", "on-full", "drop")
    (tmp_path / "again.yaml").write_text(ctl("queue", "config").stdout)
    start("queue", "--config", str(tmp_path / "again.yaml"), "--name", "again", ready=True).ready()
    told = json.loads(ctl("again", "config", "--json").stdout)
    assert (told["on-full"], told["backend"]["sndhwm"]) == ("drop", 77)


def test_control_can_be_at_an_address_or_off(start: Start, ctl: Ctl, tmp_path: Path) -> None:
    """A port that the system chose is told, for nobody could find it otherwise."""
    program = start("queue", *WILDCARDS, "--control", WILDCARDS[1], "--stats", "json", ready=True)
    (address,) = program.ready()["control"]
    start("streamer", *WILDCARDS, "--control", "off", ready=True).ready()
    assert ctl().stdout == "this user has no running device\n"
    told = json.loads(ctl(address, "--json").stdout)
    assert (told["kind"], told["beside"]["control"]["actual"]) == ("queue", address)
    assert f"  control   {address}\n" in ctl(address).stdout
    assert f"note: queue control: bind {address}\n" in program.err
    until(program.lines, "a line of statistics")
    assert json.loads(program.lines()[0])["control_address"] == address
    assert not (tmp_path / "run" / "zmqdev").exists()


def test_a_wrong_control_address_is_refused_before_anything_starts(start: Start) -> None:
    program = start("queue", *WILDCARDS, "--control", "tcp://127.0.0.1")
    assert program.wait() == 2
    assert "--control: 'tcp://127.0.0.1' has no port" in program.err


def test_a_program_written_for_zmq_proxy_steerable_can_steer(
    start: Start, context: Context, tmp_path: Path
) -> None:
    program = start("streamer", *WILDCARDS, ready=True)
    sides = program.ready()
    push, pull, control = (context.socket(t) for t in (zmq.PUSH, zmq.PULL, zmq.REQ))
    push.connect(sides["frontend"][0])
    pull.connect(sides["backend"][0])
    control.connect(control_of(tmp_path, "streamer"))
    for number in range(10):
        push.send(b"%d" % number)
        pull.recv()
    control.send(b"STATISTICS")
    numbers = [int.from_bytes(frame, sys.byteorder) for frame in control.recv_multipart()]
    assert numbers == [10, 10, 0, 0, 0, 0, 10, 10]
    control.send(b"TERMINATE")
    assert control.recv() == b""
    assert program.wait() == 0


@pytest.mark.alone
def test_status_answers_at_once_while_every_consumer_is_stopped(
    start: Start, context: Context, tmp_path: Path, asker: Asker
) -> None:
    program = start("streamer", *WILDCARDS, "--stats", "off", ready=True)
    sides = program.ready()
    consumer = start("pull", "-c", sides["backend"][0], ready=True)
    address = control_of(tmp_path, "streamer")
    push = context.socket(zmq.PUSH)
    push.connect(sides["frontend"][0])
    push.send(b"x" * 1000)
    until(lambda: consumer.out, "a message at the consumer")
    consumer.signal(signal.SIGSTOP)

    def blocked_ns() -> int:
        return int(asker.ask(address, "status")["flows"][0]["counts"]["blocked_ns"])

    def stalled() -> bool:
        """All buffers on the way are full: the device is blocked all the time."""
        while push.poll(0, zmq.POLLOUT):
            push.send(b"x" * 10_000)
        start = blocked_ns()
        push.poll(300, zmq.POLLERR)
        return blocked_ns() - start > 200_000_000

    until(stalled, "a blocked device")
    pid = program.process.pid

    def answered_in() -> float:
        """Less the time in which one of the two could have run, and the machine ran others."""
        asked, waited = time.monotonic(), kept_waiting(pid, os.getpid())
        asker.ask(address, "status")
        took = time.monotonic() - asked
        return took - (kept_waiting(pid, os.getpid()) - waited)

    blocked, before, since = blocked_ns(), cpu_seconds(pid), time.monotonic()
    slowest = 0.0
    for _ in range(40):
        slowest = max(slowest, answered_in())
        push.poll(50, zmq.POLLERR)  # no faster than anybody looks, for the CPU time below
    share = (cpu_seconds(pid) - before) / (time.monotonic() - since)
    assert blocked_ns() > blocked
    assert slowest < AT_ONCE
    assert share < 0.05, share


def test_a_paused_device_uses_no_cpu_and_loses_nothing(
    start: Start, context: Context, tmp_path: Path, asker: Asker
) -> None:
    program = start("streamer", *WILDCARDS, "--stats", "off", ready=True)
    sides = program.ready()
    address = control_of(tmp_path, "streamer")
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.connect(sides["frontend"][0])
    pull.connect(sides["backend"][0])
    asker.ask(address, "pause")
    for number in range(800):
        push.send(b"%d" % number)
    before, since = cpu_seconds(program.process.pid), time.monotonic()
    assert not pull.poll(1000)
    assert (cpu_seconds(program.process.pid) - before) / (time.monotonic() - since) < 0.05
    asker.ask(address, "resume")
    assert [int(pull.recv()) for _ in range(800)] == list(range(800))


def test_a_wrong_pair_is_told_of_once_with_the_types_that_fit(start: Start) -> None:
    queue = start("queue", *WILDCARDS, ready=True)
    there = queue.ready()["frontend"][0]
    lonely = start("streamer", "--frontend-connect", there, "--backend-bind", "tcp://127.0.0.1:*")
    until(lambda: "a PULL talks to PUSH" in lonely.err, "the hint of the streamer")
    assert f"`zmqdev probe {there}` says what is there" in lonely.err
    until(lambda: "a ROUTER talks to DEALER, REQ, ROUTER" in queue.err, "the hint of the queue")
    assert lonely.err.count("a PULL talks to PUSH") == 1


def sample(line: str) -> dict[str, Any]:
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


def test_tap_shows_messages_with_direction_and_envelope(
    start: Start, context: Context, tmp_path: Path, asker: Asker
) -> None:
    sides = start("queue", *WILDCARDS, ready=True).ready()
    client, worker = context.socket(zmq.REQ), context.socket(zmq.REP)
    client.connect(sides["frontend"][0])
    worker.connect(sides["backend"][0])
    tap = start("tap", "queue", "-n", "2")
    address = control_of(tmp_path, "queue")
    until(lambda: asker.ask(address, "status")["control"]["tapped"], "the tap to be on")

    def exchange() -> bool:
        client.send(b"question")
        worker.recv()
        worker.send(b"answer")
        client.recv()
        return tap.process.poll() is not None

    until(exchange, "the end of tap")
    assert tap.wait() == 0
    first, second = sorted(tap.lines())
    assert second.startswith("> [id 0x00") or first.startswith("> [id 0x00")
    assert {line.split("] [] ")[-1] for line in (first, second)} <= {"question", "answer"}
    until(lambda: not asker.ask(address, "status")["control"]["tapped"], "the tap to be off")


def test_the_tap_of_a_viewer_that_was_killed_is_switched_off(
    start: Start, tmp_path: Path, asker: Asker
) -> None:
    start("queue", *WILDCARDS, ready=True).ready()
    address = control_of(tmp_path, "queue")
    asker.ask(address, "tap", {"viewer": "lost", "lease": "300ms"})
    assert asker.ask(address, "status")["control"]["tapped"]
    until(lambda: not asker.ask(address, "status")["control"]["tapped"], "the end of the lease")
    assert not (tmp_path / "run" / "zmqdev" / "queue.tap").exists()


def test_a_tap_with_a_limit_shows_a_part_and_costs_the_device_nothing(
    start: Start, context: Context, tmp_path: Path
) -> None:
    sides = start("streamer", *WILDCARDS, ready=True).ready()
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.connect(sides["frontend"][0])
    pull.connect(sides["backend"][0])
    tap = start("tap", "streamer", "--limit", "20", "--json")
    sent = 0

    def flow() -> bool:
        nonlocal sent
        for _ in range(500):
            push.send(b"%d" % sent)
            sent += 1
            pull.recv()
        return len(tap.lines()) >= 20

    until(flow, "twenty samples")
    assert tap.interrupt() == 0
    lines = [sample(line) for line in tap.lines()]
    assert {line["direction"] for line in lines} == {"forward"}
    assert all(line["envelope"] == [] for line in lines)
    assert "left out" in tap.err
    assert len(lines) < sent / 2


def test_a_tap_ends_when_its_reader_goes(start: Start, context: Context, tmp_path: Path) -> None:
    sides = start("streamer", *WILDCARDS, ready=True).ready()
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.connect(sides["frontend"][0])
    pull.connect(sides["backend"][0])
    tap = subprocess.Popen(
        [sys.executable, "-m", "zmqdev", "tap", "streamer"],
        stdout=subprocess.PIPE,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path / "run")},
    )
    assert tap.stdout is not None
    tap.stdout.close()

    def flow() -> bool:
        push.send(b"x")
        pull.recv()
        return tap.poll() is not None

    try:
        until(flow, "the end of tap")
    finally:
        tap.kill()
    assert tap.wait() == 0


def test_doctor_finds_this_installation_well(start: Start) -> None:
    program = start("doctor", "--json")
    assert program.wait() == 0
    found = {item["topic"]: item for item in json.loads(program.out)}
    assert found["libzmq"]["text"] == zmq.zmq_version()
    assert found["self-test"]["level"] == "ok"
    assert "known defect" in found


def test_sub_and_pub_tell_of_a_wrong_pair_too(start: Start) -> None:
    there = start("queue", *WILDCARDS, ready=True).ready()["backend"][0]
    sub, pub = start("sub", "-c", there), start("pub", "-c", there, "-D", "x", "-i", "1s")
    until(lambda: "a SUB talks to PUB, XPUB" in sub.err, "the hint of sub")
    until(lambda: f"`zmqdev probe {there}` says what is there" in pub.err, "the hint of pub")


def test_peers_are_told_with_the_bytes_that_went_over_each(
    start: Start, ctl: Ctl, context: Context
) -> None:
    program = start("streamer", *WILDCARDS, "--name", "jobs", ready=True)
    sides = program.ready()
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.connect(sides["frontend"][0])
    pull.connect(sides["backend"][0])
    push.send(b"x" * 100_000)
    assert len(pull.recv()) == 100_000

    def told() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(ctl("--json", "jobs", "peers").stdout)
        return found

    until(lambda: told()["backend"]["connections"][0]["sent_bytes"] > 100_000, "bytes of a peer")
    (came,) = told()["frontend"]["connections"]
    assert came["received_bytes"] > 100_000
    assert came["sent_bytes"] < 100_000
    assert came["address"] == told()["frontend"]["addresses"][0]
    lines = ctl("jobs", "peers").stdout.splitlines()
    assert lines[1].startswith(f"  {came['address']}  sent ")
    assert "KiB (" in lines[1]
    assert "/s), last heard " in lines[1]


def test_all_that_run_are_asked_the_same(start: Start, ctl: Ctl) -> None:
    programs = [start("queue", *WILDCARDS, "--name", name, ready=True) for name in ("one", "two")]
    for program in programs:
        program.ready()
    paused = ctl("--all", "pause")
    assert (paused.returncode, paused.stdout) == (0, "one: state: paused\ntwo: state: paused\n")
    told = json.loads(ctl("--all", "--json", "status").stdout)
    assert {name: one["state"] for name, one in told.items()} == {"one": "paused", "two": "paused"}
    wrong = ctl("--all", "pasue")
    assert wrong.returncode == 2
    stopped = ctl("--all", "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert [program.wait() for program in programs] == [0, 0]


def test_one_that_refuses_does_not_keep_the_others_from_it(start: Start, ctl: Ctl) -> None:
    queue = start("queue", *WILDCARDS, "--name", "jobs", ready=True)
    queue.ready()
    queue.signal(signal.SIGSTOP)
    start("queue", *WILDCARDS, "--name", "other", ready=True).ready()
    try:
        told = ctl("--all", "--timeout", "3s", "reset")
    finally:
        queue.signal(signal.SIGCONT)
    assert told.returncode == 1
    assert told.stdout == "jobs: failed\nother: done\n"
    assert told.stderr == "zmqdev: jobs: no answer within 3 s\n"
