"""Passwords are hashed beside the handler: bounded, in turn, and not for those that left."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import zmq
from support.processes import until
from zmq.utils.monitor import recv_monitor_message

from zmqdev.security.hashing import HANDSHAKE, MOST_WAITING, Hashing, Question
from zmqdev.security.passwords import Users, make_line, parse
from zmqdev.security.policy import Policy
from zmqdev.security.refusals import Refusals
from zmqdev.security.zap import Handler, Registration
from zmqdev.wire.zap import ZapRequest

FAST = parse(make_line("alice", b"sesame", ln=1).encode(), "users")
WON, LOST = zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_HANDSHAKE_FAILED_AUTH
RATE, ATTACK = 20, 3.0


def question(number: int, password: bytes, since: float = 100.0, users: Users = FAST) -> Question:
    request = ZapRequest(
        (b"x",), b"%d" % number, "front", "10.0.0.1", b"", "PLAIN", (b"alice", password)
    )
    return Question("front", request, users, since)


@pytest.fixture
def hashing() -> Iterator[Hashing]:
    made = Hashing()
    yield made
    made.close()


def test_one_is_hashed_after_the_other_and_each_has_its_answer(hashing: Hashing) -> None:
    for number, password in enumerate([b"sesame", b"wrong", b"sesame"]):
        assert hashing.put(question(number, password))
    answers: list[tuple[bytes, bool | None]] = []

    def all_came() -> bool:
        hashing.go_on(100.0, lambda one: True)
        came = hashing.answers()
        assert len(came) <= 1, "one at a time"
        answers.extend((one.request.id, right) for one, right in came)
        return len(answers) == 3

    until(all_came, "all are answered")
    assert answers == [(b"0", True), (b"1", False), (b"2", True)]


def test_no_more_wait_than_are_hashed_within_a_handshake(hashing: Hashing) -> None:
    taken = [hashing.put(question(number, b"x")) for number in range(2 * MOST_WAITING)]
    assert taken == [True] * MOST_WAITING + [False] * MOST_WAITING


def test_those_whose_peer_gave_up_and_those_that_need_no_hash_have_none(hashing: Hashing) -> None:
    hashing.put(question(1, b"sesame", since=100.0 - HANDSHAKE))
    hashing.put(question(2, b"sesame"))
    hashing.put(question(3, b"sesame"))
    answers: list[bytes] = []

    def came() -> bool:
        hashing.go_on(100.0, lambda one: one.request.id != b"2")
        answers.extend(one.request.id for one, _ in hashing.answers())
        return bool(answers)

    until(came, "one is answered")
    assert answers == [b"3"]


@pytest.fixture
def context() -> Iterator[zmq.Context[Any]]:
    with zmq.Context() as made:
        yield made
        made.destroy(0)


@pytest.fixture
def door(context: zmq.Context[Any]) -> Iterator[str]:
    """The address of a PULL that asks for alice's or bob's password."""
    lines = make_line("alice", b"sesame") + "\n" + make_line("bob", b"open")
    handler = Handler(context)
    users = parse(lines.encode(), "users")
    handler.sides["front"] = Registration(Policy("PLAIN", users=users), Refusals("front"))
    handler.start()
    socket = context.socket(zmq.PULL)
    socket.zap_domain = b"front"
    socket.plain_server = True
    socket.handshake_ivl = 1000  # libzmq lets one that is to come again wait for so long
    socket.bind("tcp://127.0.0.1:*")
    yield socket.last_endpoint.decode().rstrip("\0")
    socket.close(0)
    handler.stop()


def comes_in(context: zmq.Context[Any], address: str, name: str, password: str) -> bool:
    """Whether a peer gets in within the time."""
    with context.socket(zmq.PUSH) as socket:
        socket.linger = 0
        socket.reconnect_ivl, socket.reconnect_ivl_max = 100, 500
        socket.plain_username, socket.plain_password = name.encode(), password.encode()
        monitor = socket.get_monitor_socket(WON | LOST)
        socket.connect(address)
        end = time.monotonic() + 20
        won = False
        while not won and time.monotonic() < end:  # one that is throttled comes again
            won = bool(monitor.poll(100)) and recv_monitor_message(monitor)["event"] == WON
        socket.disable_monitor()
        return won


def test_wrong_passwords_from_many_addresses_close_no_door(
    context: zmq.Context[Any], door: str
) -> None:
    """20 a second: no other peer came in while they lasted, and for 120 s after."""
    assert comes_in(context, door, "alice", "sesame")
    over = threading.Event()

    def attack() -> None:
        """Every guess comes from one of 50 addresses."""
        with zmq.Context() as own:
            for number in count():
                guess = own.socket(zmq.PUSH)
                guess.linger = 0
                guess.plain_username, guess.plain_password = b"alice", b"%d" % number
                port = door.rpartition(":")[2]
                guess.connect(f"tcp://127.0.0.{2 + number % 50}:0;127.0.0.1:{port}")
                if over.wait(1 / RATE):
                    break
            own.destroy(0)

    attacker = threading.Thread(target=attack)
    attacker.start()
    try:
        begun, visits = time.monotonic(), 0
        while time.monotonic() - begun < ATTACK:
            assert comes_in(context, door, "alice", "sesame"), "it is known to be right"
            visits += 1
    finally:
        over.set()
        attacker.join()
    assert visits
    assert comes_in(context, door, "bob", "open"), "nothing is left of it for a new one"
