"""Routing ids in bad faith: libzmq aborts when a peer has the number that it gives the next."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from typing import Any

import pytest
import zmq
from hostile.conftest import FREE
from support.processes import PATIENCE, Program, Start, until

# The first number of a C library that nothing seeded.
UNSEEDED = bytes.fromhex("006b8b4567")
MMI = (b"", b"MDPC01", b"mmi.service", b"echo")
STATUS = (b"", b"status")
READY = (b"", b"MDPW01", b"\x01", b"echo")

# arguments, the side that is attacked, what a good peer says
CASES: dict[str, tuple[tuple[str, ...], str, tuple[bytes, ...]]] = {
    "queue": (("queue", "--backend-type", "DEALER"), "frontend", (b"", b"ask")),
    "reliable queue": (("queue", "--reliable"), "frontend", MMI),
    "workers' side": (("queue", "--reliable"), "backend", READY),
    "streamer": (("streamer", "--frontend-type", "ROUTER"), "frontend", (b"work",)),
    "control": (("queue", "--control", FREE), "control", STATUS),
    "worker": (("worker", "-b", FREE), "socket", (b"", b"ask")),
    "pull": (("pull", "-b", FREE, "--type", "ROUTER"), "socket", (b"work",)),
}


def begin(start: Start, words: tuple[str, ...], half: str = "") -> Program:
    if words[0] in ("queue", "streamer"):
        words = (*words, "--frontend-bind", FREE, "--backend-bind", FREE)
    return start(*words, ready=True, env={"ZMQDEV_RELAY": half})


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("half", ["native", "python"])
def test_two_sockets_with_the_same_number_abort_nothing(
    start: Start, context: zmq.Context[Any], case: str, half: str
) -> None:
    words, side, said = CASES[case]
    program = begin(start, words, half)
    address = program.ready()[side][0]
    far = context.socket(zmq.REP if words[0] == "queue" else zmq.PULL)
    if words[0] in ("queue", "streamer") and "--reliable" not in words:
        far.connect(program.ready()["backend"][0])
    thief = context.socket(zmq.DEALER)
    thief.routing_id = UNSEEDED
    others = [context.socket(zmq.DEALER) for _ in range(3)]
    for met, peer in enumerate((thief, *others), 1):
        peer.connect(address)
        peer.send_multipart(list(said))
        meet(program, peer, far, words[0], said, met)
    assert program.process.poll() is None, program.err
    assert program.interrupt() == 0


def meet(
    program: Program, peer: Any, far: Any, kind: str, said: tuple[bytes, ...], met: int
) -> None:
    """Until the program has dealt with this peer."""
    if kind == "queue" and said == (b"", b"ask"):
        assert far.poll(PATIENCE * 1000), program.err
        far.send(far.recv())
    if kind == "streamer":
        assert far.poll(PATIENCE * 1000), program.err
        far.recv()
    elif kind == "pull":
        until(lambda: program.out.count(b"work") == met, "it was printed")
    else:
        assert peer.poll(PATIENCE * 1000), program.err


def test_numbers_are_others_in_each_socket_of_each_process() -> None:
    """The first numbers of four sockets in each of three processes, forked ones among them."""
    seen: set[str] = set()
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", NUMBERS], capture_output=True, text=True, check=True
        )
        numbers = json.loads(done.stdout)
        assert len(numbers) == 4
        seen |= set(numbers)
    assert len(seen) == 12
    assert UNSEEDED.hex() not in seen
    heads = sorted(int(number, 16) for number in seen)
    assert all(after - before > 1 for before, after in itertools.pairwise(heads))


# Two ROUTERs before a fork, two in the child.
NUMBERS = """
import json, os, sys, zmq
from zmqdev.device.socket import make

def numbers():
    context, found = zmq.Context(), []
    for name in ("one", "two"):
        router = make(context, name, "ROUTER", {}).socket
        router.bind(f"inproc://{name}")
        peer = context.socket(zmq.DEALER)
        peer.connect(f"inproc://{name}")
        peer.send(b"x")
        found.append(router.recv_multipart()[0].hex())
    context.destroy(linger=0)
    return found

mine = numbers()
read, write = os.pipe()
if not os.fork():
    os.write(write, json.dumps(numbers()).encode())
    os._exit(0)
os.wait()
print(json.dumps(mine + json.loads(os.read(read, 1000))))
"""


def test_who_was_shown_a_number_cannot_name_the_next(
    start: Start, context: zmq.Context[Any]
) -> None:
    """A worker sees the envelope; its accomplices take what is around that as their own ids."""
    program = begin(start, ("queue",))
    ready = program.ready()
    client, worker = context.socket(zmq.REQ), context.socket(zmq.DEALER)
    client.connect(ready["frontend"][0])
    worker.connect(ready["backend"][0])
    client.send(b"look")
    assert worker.poll(PATIENCE * 1000)
    shown = worker.recv_multipart()
    number = int.from_bytes(shown[0][1:], "big")
    for step in range(-10, 11):
        peer = context.socket(zmq.DEALER)
        if step:
            peer.routing_id = b"\0" + ((number + step) % 2**32).to_bytes(4, "big")
        peer.connect(ready["frontend"][0])
        peer.send_multipart([b"", b"me too"])
        assert worker.poll(PATIENCE * 1000), program.err
        worker.recv_multipart()
    worker.send_multipart(shown)
    assert client.recv() == b"look"
    assert program.interrupt() == 0
