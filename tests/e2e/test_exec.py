"""sub and pull with --exec: a command for each message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import Program, Start, until

ANY = "tcp://127.0.0.1:*"


def address(program: Program) -> str:
    return program.ready()["socket"][0]


@pytest.fixture
def push(context: zmq.Context[Any]) -> zmq.Socket[bytes]:
    return context.socket(zmq.PUSH)


def test_the_body_is_on_stdin_and_the_rest_in_the_environment(
    start: Start, push: zmq.Socket[bytes]
) -> None:
    command = 'echo "$ZMQDEV_NUMBER $ZMQDEV_FRAMES $ZMQDEV_TOPIC $(cat)"'
    pull = start("pull", "-b", ANY, "--exec", command, "--exec-output", "-n", "2", ready=True)
    push.connect(address(pull))
    push.send_multipart([b"ACME", b"189.20"])
    push.send(b"alone")
    assert pull.wait() == 0, pull.err
    assert pull.lines() == ["0 2 ACME ACME 189.20", "1 1  alone"]
    assert "2 commands" in pull.err


def test_output_is_dropped_unless_it_is_asked_for(
    start: Start, push: zmq.Socket[bytes], tmp_path: Path
) -> None:
    command = f"cat > '{tmp_path}/got'; echo shown"
    pull = start("pull", "-b", ANY, "--exec", command, "-n", "1", ready=True)
    push.connect(address(pull))
    push.send(bytes(range(256)))
    assert pull.wait() == 0, pull.err
    assert (tmp_path / "got").read_bytes() == bytes(range(256))
    assert pull.out == b""


def test_failures_are_counted_and_make_the_exit_status(
    start: Start, push: zmq.Socket[bytes]
) -> None:
    command = 'read -r word; echo "$word"; [ "$word" != bad ]'
    pull = start("pull", "-b", ANY, "--exec", command, "--exec-output", "-n", "3", ready=True)
    push.connect(address(pull))
    for word in (b"good", b"bad", b"fine"):
        push.send(word + b"\n")
    assert pull.wait() == 1
    assert pull.lines() == ["good", "fine"]
    assert "message 1: the command ended with exit status 1" in pull.err
    assert "3 commands, 1 failed" in pull.err


def test_jobs_run_side_by_side(start: Start, push: zmq.Socket[bytes], tmp_path: Path) -> None:
    """Each waits for the other's file."""
    command = (
        f"cd '{tmp_path}'; touch at.$ZMQDEV_NUMBER; "
        "until [ -e at.0 ] && [ -e at.1 ]; do sleep 0.05; done"
    )
    pull = start("pull", "-b", ANY, "--exec", command, "--jobs", "2", "-n", "2", ready=True)
    push.connect(address(pull))
    push.send(b"a")
    push.send(b"b")
    assert pull.wait() == 0, pull.err


def test_pull_command_push_is_one_program(
    start: Start, push: zmq.Socket[bytes], context: zmq.Context[Any]
) -> None:
    sink = context.socket(zmq.PULL)
    sink.rcvtimeo = 60_000
    port = sink.bind_to_random_port("tcp://127.0.0.1")
    onward = ("--push", f"tcp://127.0.0.1:{port}", "--frames", "|")
    pull = start("pull", "-b", ANY, "--exec", "tr a-z A-Z", "-n", "2", *onward, ready=True)
    push.connect(address(pull))
    push.send_multipart([b"a", b"b"])
    push.send(b"c")
    assert sink.recv_multipart() == [b"A", b"B"]
    assert sink.recv_multipart() == [b"C"]
    assert pull.wait() == 0, pull.err


def test_a_sub_publishes_what_its_command_prints(
    start: Start, context: zmq.Context[Any], free_ports: Any
) -> None:
    [port] = free_ports(1)
    pub = context.socket(zmq.PUB)
    source = pub.bind_to_random_port("tcp://127.0.0.1")
    outward = ("--pub", f"tcp://127.0.0.1:{port}")
    start("sub", "-c", f"tcp://127.0.0.1:{source}", "--exec", "grep 2", *outward)
    listener = context.socket(zmq.SUB)
    listener.subscribe(b"")
    listener.connect(f"tcp://127.0.0.1:{port}")

    def heard() -> bool:
        pub.send(b"tick 1")
        pub.send(b"tick 2")
        return bool(listener.poll(50))

    until(heard, "what the command printed")
    assert listener.recv() == b"tick 2\n"


def test_what_is_here_when_it_is_stopped_is_handled_still(
    start: Start, push: zmq.Socket[bytes], tmp_path: Path
) -> None:
    command = f"sleep 0.1; cat >> '{tmp_path}/got'"
    pull = start("pull", "-b", ANY, "--exec", command, "--drain", "20s", ready=True)
    push.connect(address(pull))
    for _ in range(5):
        push.send(b"x")
    until(lambda: (tmp_path / "got").exists(), "the first one")
    assert pull.interrupt() == 0, pull.err
    assert (tmp_path / "got").read_bytes().startswith(b"x")
    assert "not handled" not in pull.err


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--jobs", "2"), "jobs needs --exec COMMAND"),
        (("--push", "5600"), "push needs --exec COMMAND"),
        (("--exec", "cat", "--check"), "exec and check cannot be given together"),
    ],
)
def test_what_contradicts_itself_is_refused(
    start: Start, flags: tuple[str, ...], says: str
) -> None:
    pull = start("pull", *flags)
    assert pull.wait() == 2
    assert says in pull.err
