"""req, rep, dealer, router and pair: the plain sockets as programs, both ways."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import Program, Start, until

ANY = "tcp://127.0.0.1:*"
PATIENCE = 60_000


def address(program: Program) -> str:
    return program.ready()["socket"][0]


def peer(context: zmq.Context[Any], kind: int, to: str, name: bytes = b"") -> zmq.Socket[bytes]:
    socket = context.socket(kind)
    socket.rcvtimeo = socket.sndtimeo = PATIENCE
    if name:
        socket.routing_id = name
    socket.connect(to)
    return socket


def test_a_req_and_a_rep_take_turns(start: Start) -> None:
    rep = start("rep", "-b", ANY, "-D", "a {n}", "-D", "b {n}", "-n", "3", ready=True)
    req = start("req", "-c", address(rep), "-D", "ping {n}", "-n", "3")
    assert req.wait() == 0, req.err
    assert req.lines() == ["a 0", "b 1", "a 2"]
    assert rep.wait() == 0, rep.err
    assert rep.lines() == ["ping 0", "ping 1", "ping 2"]


def test_a_rep_answers_lines_of_its_input_and_ends_with_them(
    start: Start, context: zmq.Context[Any]
) -> None:
    rep = start("rep", "-b", ANY, ready=True)
    rep.feed(b"one\ntwo\n")
    req = peer(context, zmq.REQ, address(rep))
    for word in (b"one", b"two"):
        req.send(b"next")
        assert req.recv() == word
    assert rep.wait() == 0, rep.err
    assert rep.lines() == ["next", "next"]


def test_a_rep_without_input_sends_back_what_came(start: Start, context: zmq.Context[Any]) -> None:
    program = start("rep", "-b", ANY, "-n", "1", "--frames", "|", "-F", "/dev/null", ready=True)
    assert program.wait() == 0, program.err  # an input that is named and empty: no answer
    words = ["rep", "-b", "tcp://127.0.0.1:*", "-n", "1", "-v"]
    with subprocess.Popen(
        [sys.executable, "-m", "zmqdev", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as echo:
        assert echo.stderr is not None
        bound = next(line for line in echo.stderr if "bind tcp://" in line).split()[-1]
        req = peer(context, zmq.REQ, bound)
        req.send_multipart([b"a", b"b"])
        assert req.recv_multipart() == [b"a", b"b"]
        assert echo.wait(30) == 0


def test_a_req_without_a_reply_ends_with_status_3(start: Start, context: zmq.Context[Any]) -> None:
    router = context.socket(zmq.ROUTER)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    req = start("req", "-c", f"tcp://127.0.0.1:{port}", "-D", "hello", "-t", "300ms")
    assert req.wait() == 3
    assert "0 of 1 replies came" in req.err


def test_a_dealer_prints_every_reply(start: Start, context: zmq.Context[Any]) -> None:
    router = context.socket(zmq.ROUTER)
    router.rcvtimeo = PATIENCE
    port = router.bind_to_random_port("tcp://127.0.0.1")
    dealer = start(
        "dealer", "-c", f"tcp://127.0.0.1:{port}", "-D", "hello", "--reply-timeout", "2s"
    )
    name, text = router.recv_multipart()
    assert text == b"hello"
    for n in range(3):
        router.send_multipart([name, b"reply", b"%d" % n])
    assert dealer.wait() == 0, dealer.err
    assert dealer.lines() == ["reply 0", "reply 1", "reply 2"]


def test_a_dealer_ends_when_as_many_came_as_were_asked_for(
    start: Start, context: zmq.Context[Any]
) -> None:
    router = context.socket(zmq.ROUTER)
    router.rcvtimeo = PATIENCE
    port = router.bind_to_random_port("tcp://127.0.0.1")
    dealer = start("dealer", "-c", f"tcp://127.0.0.1:{port}", "-D", "{n}", "-n", "2", "-t", "500ms")
    name, _ = router.recv_multipart()
    router.send_multipart([name, b"only"])
    assert dealer.wait() == 3
    assert "1 of 2 messages came" in dealer.err


def test_a_router_addresses_by_the_first_frame(start: Start, context: zmq.Context[Any]) -> None:
    router = start("router", "-b", ANY, ready=True)
    alice = peer(context, zmq.DEALER, address(router), b"alice")
    alice.send(b"I am here")
    until(lambda: router.lines(), "the greeting")
    router.feed(b"alice good morning\nbob are you there\n")
    assert alice.recv_multipart() == [b"good morning"]
    assert router.wait() == 0, router.err
    assert router.lines() == ["alice I am here"]
    assert "dropped, peer unknown or not reading: 1 message" in router.err


def test_a_printed_line_of_a_router_is_the_form_of_its_answer(
    start: Start, context: zmq.Context[Any]
) -> None:
    router = start("router", "-b", ANY, "-n", "1", ready=True)
    req = peer(context, zmq.REQ, address(router))
    req.send(b"what now")
    until(lambda: router.lines(), "the request")
    [line] = router.lines()
    name, text = line.split("  ")
    assert text == "what now"
    assert name.startswith("0x00")


@pytest.mark.parametrize("form", ["text", "json", "quoted", "hex"])
def test_a_router_answers_in_every_form(start: Start, context: zmq.Context[Any], form: str) -> None:
    router = start("router", "-b", ANY, "--format", form, ready=True)
    req = peer(context, zmq.REQ, address(router))
    req.send(b"hello")
    until(lambda: router.lines(), "the request")
    router.feed(router.out)
    assert req.recv() == b"hello"
    assert router.wait() == 0, router.err


def test_two_pairs_talk_both_ways(start: Start) -> None:
    first = start("pair", "-b", ANY, "-n", "2", ready=True)
    second = start("pair", "-c", address(first), "-n", "1")
    for program, line in ((second, b"hello\n"), (first, b"hi\n"), (second, b"bye\n")):
        assert program.process.stdin is not None
        program.process.stdin.write(line)
        program.process.stdin.flush()
    assert second.wait() == 0, second.err
    assert first.wait() == 0, first.err
    assert first.lines() == ["hello", "bye"]
    assert second.lines() == ["hi"]


def test_json_frames_go_through_a_pair_unchanged(start: Start) -> None:
    first = start("pair", "-b", ANY, "-n", "1", "--format", "json", ready=True)
    second = start("pair", "-c", address(first), "--format", "json", "--reply-timeout", "100ms")
    frames = ["a", "", {"base64": "AP8="}]
    second.feed(json.dumps({"frames": frames}).encode())
    assert first.wait() == 0, first.err
    assert json.loads(first.out)["frames"] == frames
    assert second.wait() == 0, second.err


def test_they_are_parts_of_a_file(start: Start, tmp_path: Path, free_ports: Any) -> None:
    [port] = free_ports(1)
    file = tmp_path / "talk.yaml"
    file.write_text(
        f"""parts:
  answer: {{endpoint: rep, bind: "tcp://127.0.0.1:{port}", data: pong}}
  ask: {{endpoint: req, connect: "tcp://127.0.0.1:{port}", data: ping, count: 2}}
"""
    )
    check = start("check", "--strict", str(file))
    assert check.wait() == 0, check.out
    run = start("run", str(file), "--until", "ask", "--stats", "off", "-q")
    assert run.wait() == 0, run.err
    assert [line for line in run.lines() if "ask" in line] == [
        "ask | pong".replace("ask", "ask   ")
    ] * 2


def test_check_finds_a_pair_of_types_that_do_not_go_together(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(
        """parts:
  one: {endpoint: pair, bind: "tcp://127.0.0.1:7001"}
  two: {endpoint: dealer, connect: "tcp://127.0.0.1:7001"}
  a: {endpoint: router, bind: "tcp://127.0.0.1:7002"}
  b: {endpoint: dealer, connect: "tcp://127.0.0.1:7002"}
"""
    )
    check = start("check", str(file))
    assert check.wait() == 2
    assert "two (DEALER) connects to one (PAIR)" in check.out.decode()
    assert "both" not in check.out.decode()


def test_a_peer_that_has_gone_does_not_hide_the_end_of_the_input(
    start: Start, context: zmq.Context[Any]
) -> None:
    other = context.socket(zmq.PAIR)
    other.rcvtimeo = PATIENCE
    port = other.bind_to_random_port("tcp://127.0.0.1")
    pair = start("pair", "-c", f"tcp://127.0.0.1:{port}", "--reply-timeout", "100ms", "-v")
    assert pair.process.stdin is not None
    pair.process.stdin.write(b"hello\n")
    pair.process.stdin.flush()
    assert other.recv() == b"hello"
    other.close(0)
    until(lambda: "disconnected" in pair.err, "the end of the connection")
    pair.process.stdin.close()
    assert pair.wait() == 0, pair.err
