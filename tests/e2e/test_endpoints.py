"""The six endpoints as programs: what goes in comes out, and how they end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import Program, Start, until

ANY = "tcp://127.0.0.1:*"


def address(program: Program) -> str:
    """Where a program that binds one address is bound."""
    return program.ready()["socket"][0]


def lines(count: int) -> bytes:
    return b"".join(b"%d\n" % number for number in range(count))


@pytest.fixture
def pull(start: Start) -> Any:
    """A `pull` at a free port, and its address."""

    def begin(*words: str) -> tuple[Program, str]:
        program = start("pull", "-b", ANY, *words, ready=True)
        return program, address(program)

    return begin


def test_every_line_arrives_in_order_and_both_end(start: Start, pull: Any) -> None:
    taker, at = pull("-n", "100000")
    push = start("push", "-c", at)
    push.feed(lines(100_000))
    assert push.wait() == 0, push.err
    assert taker.wait() == 0, taker.err
    assert taker.out == lines(100_000)
    assert not [line for line in push.err.splitlines() if "waiting for the peers" not in line]


def test_every_line_arrives_through_a_streamer(start: Start) -> None:
    streamer = start(
        "streamer", "--frontend-bind", ANY, "--backend-bind", ANY, "--stats", "off", ready=True
    )
    sides = streamer.ready()
    taker = start("pull", "-c", sides["backend"][0], "-n", "100000")
    push = start("push", "-c", sides["frontend"][0])
    push.feed(lines(100_000))
    assert push.wait() == 0, push.err
    assert taker.wait() == 0, taker.err
    assert taker.out == lines(100_000)


@pytest.mark.parametrize("body", [b"", b"\n", b"a\n\n", b"a\nb", os.urandom(70_000), b"\0\r\n\xff"])
def test_raw_input_is_raw_output(start: Start, pull: Any, body: bytes, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(body)
    taker, at = pull("--format", "raw", "-n", "1")
    push = start("push", "-c", at, "--format", "raw", "-F", str(tmp_path / "in"))
    assert (push.wait(), taker.wait()) == (0, 0)
    assert taker.out == body


def test_a_message_of_64_mebibytes_passes(start: Start, pull: Any, tmp_path: Path) -> None:
    body = os.urandom(1 << 20) * 64
    (tmp_path / "in").write_bytes(body)
    taker, at = pull("--format", "raw", "-n", "1")
    push = start("push", "-c", at, "--format", "raw", "-F", str(tmp_path / "in"))
    assert (push.wait(), taker.wait()) == (0, 0), push.err
    assert taker.out == body


def test_a_larger_message_is_refused_in_words(start: Start, pull: Any, tmp_path: Path) -> None:
    with (tmp_path / "in").open("wb") as file:
        file.truncate((64 << 20) + 1)
    _, at = pull()
    push = start("push", "-c", at, "--format", "raw", "-F", str(tmp_path / "in"))
    assert push.wait() == 1
    assert "a message in the input is longer than 67108864 bytes" in push.err


@pytest.mark.parametrize("form", ["text", "quoted", "hex", "json"])
def test_frames_of_any_bytes_pass_in_every_form(start: Start, pull: Any, form: str) -> None:
    taker, at = pull("--format", "json", "-n", "2")
    written = {
        "text": b"a|\xff\n|\n",
        "quoted": b'"a"|"\\xff"\n""|""\n',
        "hex": b"61|ff\n|\n",
        "json": b'{"frames": ["a", {"base64": "/w=="}]}\n{"frames": ["", ""]}\n',
    }[form]
    separator = [] if form == "json" else ["--frames", "|"]
    push = start("push", "-c", at, "--format", form, *separator)
    push.feed(written)
    assert (push.wait(), taker.wait()) == (0, 0), push.err
    first, second = map(json.loads, taker.lines())
    assert first["frames"] == ["a", {"base64": "/w=="}]
    assert first["topic"] == "a"
    assert second["frames"] == ["", ""]


def test_a_thousand_frames_are_one_message(start: Start, pull: Any) -> None:
    frames = [str(number) for number in range(1000)]
    taker, at = pull("-n", "1", "--frames", ",")
    push = start("push", "-c", at, "--frames", ",", "-D", ",".join(frames))
    assert (push.wait(), taker.wait()) == (0, 0)
    assert taker.out.decode() == ",".join(frames) + "\n"


def test_nul_ends_messages_in_both_directions(start: Start, pull: Any) -> None:
    taker, at = pull("-0", "-n", "2")
    push = start("push", "-c", at, "-0")
    push.feed(b"one\ntwo\0three\0")
    assert (push.wait(), taker.wait()) == (0, 0)
    assert taker.out == b"one\ntwo\0three\0"


def test_a_line_that_comes_alone_arrives_at_once(start: Start, pull: Any) -> None:
    taker, at = pull()
    push = start("push", "-c", at)
    stdin = push.process.stdin
    assert stdin is not None
    for line in (b"one\n", b"two\n"):
        stdin.write(line)
        stdin.flush()
        until(lambda line=line: taker.out.endswith(line), "the line alone")
    assert push.interrupt() == 0
    assert taker.interrupt() == 0


def test_text_with_placeholders(start: Start, pull: Any) -> None:
    taker, at = pull("-n", "3")
    push = start("push", "-c", at, "-D", "no {n} {{x}} {time} {random}", "-n", "3")
    assert (push.wait(), taker.wait()) == (0, 0)
    for number, line in enumerate(taker.lines()):
        assert re.fullmatch(rf"no {number} \{{x\}} \d+\.\d{{6}} \d+", line)


def test_a_rate_is_smooth(start: Start, pull: Any) -> None:
    taker, at = pull("-n", "500", "--format", "json")
    push = start("push", "-c", at, "-D", "{n}", "--rate", "500", "-n", "500")
    assert (push.wait(), taker.wait()) == (0, 0)
    times = [json.loads(line)["time"] for line in taker.lines()]
    assert 0.8 < times[-1] - times[0] < 5
    tenths = [round((at - times[0]) * 10) for at in times]
    assert max(map(tenths.count, set(tenths))) < 250  # no burst, even on a busy machine


def test_pub_starts_exactly_when_its_subscribers_are_there(start: Start, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(lines(20_000))
    source = str(tmp_path / "in")
    pub = start("pub", "-b", ANY, "-F", source, "--wait-subscribers", "2", ready=True)
    at = address(pub)
    first = start("sub", "-c", at, "-n", "20000", "-t", "30s")
    second = start("sub", "-c", at, "-n", "20000", "-t", "30s")
    assert (first.wait(), second.wait(), pub.wait()) == (0, 0, 0), first.err + pub.err
    assert first.out == second.out == lines(20_000)


def test_push_starts_exactly_when_its_peers_are_there(start: Start) -> None:
    push = start("push", "-b", ANY, "-D", "{n}", "-n", "1000", "--wait-peers", "2", ready=True)
    at = address(push)
    pulls = [start("pull", "-c", at, "-n", "500", "-t", "30s") for _ in range(2)]
    assert [pull.wait() for pull in pulls] == [0, 0]
    assert push.wait() == 0
    got = sorted(int(line) for pull in pulls for line in pull.lines())
    assert got == list(range(1000))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("push", "-D", "x", "-b", ANY, "--wait-peers", "1"), "0 of 1 peers came"),
        (("pub", "-D", "x", "-b", ANY, "--wait-subscribers", "1"), "0 of 1 subscribers came"),
        (("push", "-D", "x", "-b", ANY), "no peer took a message; sent so far: 0"),
        (("client", "-D", "x", "-b", ANY, "--wait-peers", "2"), "0 of 2 peers came"),
        (("client", "-D", "x", "-b", ANY), "1 of 1 requests had no reply"),
        (("sub", "-b", ANY, "-n", "2"), "0 of 2 messages came"),
        (("pull", "-b", ANY), "nothing came"),
        (("worker", "-b", ANY), "no request came"),
    ],
)
def test_what_does_not_come_in_time_is_exit_status_3(
    start: Start, words: tuple[str, ...], message: str
) -> None:
    program = start(*words, "-t", "200ms")
    assert program.wait() == 3
    assert program.err.splitlines()[-1] == f"zmqdev: {message}"


def test_a_quiet_end_after_some_messages_is_none(context: Any, pull: Any) -> None:
    taker, at = pull("-t", "2s")
    push = context.socket(zmq.PUSH)
    push.connect(at)
    push.send(b"x")
    assert taker.wait() == 0, taker.err
    assert taker.out == b"x\n"


def test_messages_that_have_not_left_are_an_error(start: Start, context: Any) -> None:
    pull = context.socket(zmq.PULL)
    pull.set(zmq.RCVHWM, 1)
    pull.set(zmq.RCVBUF, 4096)
    port = pull.bind_to_random_port("tcp://127.0.0.1")
    at = f"tcp://127.0.0.1:{port}"
    much = ("-D", "x" * 60_000, "-n", "200", "--set", "sndbuf=4096")
    push = start("push", "-c", at, *much, "--drain", "300ms")
    assert push.wait() == 1
    assert push.err == "zmqdev: not all messages had left within 0.3s\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("words", [("pub", "--ticks"), ("sub",), ("pull",), ("worker",)])
def test_a_signal_ends_it_cleanly(
    start: Start, words: tuple[str, ...], number: signal.Signals
) -> None:
    program = start(*words, "-b", ANY, ready=True)
    program.ready()
    program.signal(number)
    assert program.wait() == 0
    assert "Traceback" not in program.err
    assert not program.ready_path.exists()


def test_a_sender_that_nobody_serves_says_what_it_kept(start: Start) -> None:
    push = start("push", "-b", ANY, "-D", "x", "-n", "7", "--drain", "100ms", ready=True)
    push.ready()
    assert push.interrupt() == 0
    assert "read and not sent: 7 messages" in push.err


def test_a_second_signal_leaves_at_once(start: Start) -> None:
    shown = ("--stats", "json", "--stats-interval", "50ms")
    push = start("push", "-b", ANY, "-D", "x", "-n", "7", "--drain", "60s", *shown, ready=True)
    push.ready()
    push.signal(signal.SIGINT)
    until(lambda: '"state": "draining"' in push.err, "it drains")
    assert push.interrupt() == 0


def test_started_in_the_background_of_a_shell_it_still_hears_ctrl_c(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    command = f"{sys.executable} -m zmqdev sub -b {ANY} --ready-file {ready} & echo $!; wait $!"
    shell = subprocess.Popen(["/bin/sh", "-c", command], stdout=subprocess.PIPE)
    assert shell.stdout is not None
    child = int(shell.stdout.readline())
    until(ready.exists, "the ready file")
    os.kill(child, signal.SIGINT)
    assert shell.wait(30) == 0
    shell.stdout.close()


def test_a_duration_ends_it(start: Start) -> None:
    assert start("sub", "-b", ANY, "--duration", "200ms").wait() == 0
    bounded = start("sub", "-b", ANY, "--duration", "200ms", "-n", "1")
    assert bounded.wait() == 3
    assert bounded.err == f"{bounded.err.splitlines()[0]}\nzmqdev: 0 of 1 messages came\n"


def test_a_reader_that_goes_ends_sub_quietly(start: Start) -> None:
    pub = start("pub", "-b", ANY, "-D", "{n}", "-i", "10ms", ready=True)
    command = f"{sys.executable} -m zmqdev sub -c {address(pub)} | head -3"
    result = subprocess.run(["/bin/sh", "-c", command], capture_output=True, timeout=30)
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr == b""


def test_a_reader_that_goes_is_noticed_with_no_message(start: Start) -> None:
    pull = subprocess.Popen(
        [sys.executable, "-m", "zmqdev", "pull", "-b", ANY, "-q"], stdout=subprocess.PIPE
    )
    assert pull.stdout is not None
    pull.stdout.close()
    assert pull.wait(30) == 0


def test_a_full_disk_is_one_line(start: Start, context: Any) -> None:
    with open("/dev/full", "wb") as full:
        pull = subprocess.Popen(
            [sys.executable, "-m", "zmqdev", "pull", "-b", ANY],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert pull.stderr is not None
    port = pull.stderr.readline().rsplit(":", 1)[1].strip()
    push = context.socket(zmq.PUSH)
    push.connect(f"tcp://127.0.0.1:{port}")
    push.send(b"x")
    assert pull.wait(30) == 1
    assert pull.stderr.read() == "zmqdev: cannot write stdout: no space left on device\n"
    pull.stderr.close()


def test_a_chosen_port_is_printed(start: Start) -> None:
    sub = start("sub", "-b", ANY, ready=True)
    at = address(sub)
    assert re.search(rf"note: bind {re.escape(at)}\n", sub.err)
    assert sub.interrupt() == 0


def test_statistics_stay_out_of_the_results(start: Start, pull: Any) -> None:
    taker, at = pull("-n", "3", "--stats", "json")
    push = start("push", "-c", at, "-D", "x", "-n", "3", "--stats", "line")
    assert (push.wait(), taker.wait()) == (0, 0)
    assert taker.out == b"x\nx\nx\n"
    last = json.loads(taker.err.splitlines()[-1])
    assert (last["received_messages"], last["expected"]) == (3, 3)
    assert "sent_messages=3" in push.err
    assert push.out == b""


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("push", "-F", "/no/such/file"), "--file: cannot read /no/such/file: No such file"),
        (("push", "-D", "{x}"), "--data: unknown placeholder {x}; known are {n}, {time}"),
        (("worker", "--reply", "{"), "--reply: a single '{'; known are {n}, {time}, {random}, {b"),
        (("sub", "-n", "none"), "--count: expected a whole number"),
        (("pub", "-D", "x", "-i", "0"), "--interval: must be more than zero"),
        (("push", "-c", "tcp://127.0.0.1:99999"), "--connect: "),
        (("pull", "-b", "inproc://x"), "--bind: bind: inproc://x is inside one process"),
        (("client", "--window", "0"), "--window: 0 is too small"),
        (
            ("forwarder", "--limits-topic-length", "0"),
            "--limits-topic-length: 0 is too small; the least is 1",
        ),
        (
            ("forwarder", "--limits-topic-length", "1MiB"),
            "--limits-topic-length: 1MiB is too large; the most is 64KiB",
        ),
        (("pub", "--tick"), "--tick"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_2(
    start: Start, words: tuple[str, ...], line: str
) -> None:
    program = start(*words)
    assert program.wait() == 2
    assert line in program.err
    assert len(program.err.splitlines()) == 1
    assert program.out == b""


def test_an_address_in_use_is_one_line(start: Start, pull: Any) -> None:
    first, at = pull()
    second = start("pull", "-b", at)
    assert second.wait() == 1
    who = f"process {first.process.pid} ("
    said = f"zmqdev: cannot bind {at}: address already in use by {who}"
    assert second.err.startswith(said)
    assert len(second.err.splitlines()) == 1


def test_bad_json_is_named_by_its_line(start: Start, pull: Any) -> None:
    taker, at = pull("-n", "1")
    push = start("push", "-c", at, "--format", "json", "-F", "-", "-i", "1ms")
    push.feed(b'{"body": "fine"}\nnope\n')
    assert push.wait() == 1
    assert push.err.startswith("zmqdev: stdin:2: not JSON: ")
    assert taker.wait() == 0


def test_everything_from_a_file(start: Start, pull: Any, tmp_path: Path) -> None:
    taker, at = pull("-n", "2")
    config = tmp_path / "push.yaml"
    config.write_text(f"endpoint: push\nconnect: {at}\ndata: ['a {{n}}']\ncount: 2\nsndhwm: 5\n")
    push = start("push", "--config", str(config))
    assert (push.wait(), taker.wait()) == (0, 0), push.err
    assert taker.lines() == ["a 0", "a 1"]


def test_with_no_input_pub_publishes_ticks(start: Start) -> None:
    command = [sys.executable, "-m", "zmqdev", "pub", "-b", ANY]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as pub:
        assert pub.stderr is not None
        at = pub.stderr.readline().split()[-1].decode()
        assert b"no input: publishing ticks, one a second" in pub.stderr.readline()
        sub = start("sub", "-c", at, "-n", "2")
        assert sub.wait() == 0
        pub.send_signal(signal.SIGINT)
        assert pub.wait(30) == 0
    assert all(re.fullmatch(r"[A-Z]{4} \d+\.\d\d", line) for line in sub.lines())


def test_a_stdin_that_brings_nothing_is_said(start: Start) -> None:
    push = start("push", "-b", ANY)
    until(lambda: "nothing has come on stdin yet; -D TEXT sends a text" in push.err, "the hint")
    assert push.interrupt() == 0
