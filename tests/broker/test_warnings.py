"""What is refused, dropped or malformed has a line in the log: one a peer and reason, not more."""

from __future__ import annotations

import pytest
from support.majordomo import Play

from zmqdev.broker.warnings import peer_name
from zmqdev.device.peer_log import FIRST_PAUSE
from zmqdev.wire.dialect import DialectVerb


def told(play: Play) -> list[str]:
    return play.broker.take_notices()


def test_requests_over_a_limit_are_told_once_and_again_with_their_number() -> None:
    """43,053 were refused by --client-requests, and the log was empty."""
    play = Play(client_requests=1)
    for _ in range(1000):
        play.ask(b"x", client=b"alice")
    why = "client alice: request refused: this client has too many requests waiting"
    assert told(play) == [why]
    play.now += FIRST_PAUSE
    play.ask(b"x", client=b"alice")
    assert told(play) == [f"{why} (999 more in 10 s)"]
    play.now += FIRST_PAUSE
    play.ask(b"x", client=b"alice")
    assert told(play) == [], "the pause doubles"


def test_a_reply_that_cannot_be_delivered_is_told() -> None:
    play = Play()
    play.broker.client_refused([[b"alice", b"", b"x"]] * 3, True, play.now)
    assert told(play) == ["client alice: reply dropped: client gone"]


def test_replies_that_a_client_does_not_read_are_told_when_some_are_dropped() -> None:
    play = Play(client_requests=2)
    play.broker.client_refused([[b"alice", b"", b"x"]] * 2, False, play.now)
    play.pass_time(0.3)
    assert told(play) == []
    play.broker.client_refused([[b"alice", b"", b"x"]] * 3, False, play.now)
    play.pass_time(0.3)
    assert told(play) == ["client alice: reply dropped: the client does not read"]


def test_a_request_that_made_room_is_told() -> None:
    play = Play(max_requests=3)
    play.ready(b"w")
    for _ in range(3):
        play.ask(b"x", client=b"large")
    play.ask(b"x", client=b"small")
    [line] = told(play)
    assert line == (
        "client large: request dropped: the queue is full and this client has most of it"
    )


def test_a_malformed_request_is_told() -> None:
    play = Play()
    for _ in range(5):
        play.client(b"alice", b"", b"MDPC01")
    assert told(play) == ["client alice: malformed request"]


def test_a_workers_malformed_reply_is_told_and_the_dead_letter_names_it() -> None:
    """A log that was empty, and `every attempt failed`."""
    play = Play(max_attempts=1)
    play.ready(b"w")
    play.ask(b"x")
    play.worker(b"w", b"", b"MDPW01", b"\x03", b"no token", b"no empty frame", b"x")
    expelled, dead = told(play)
    assert expelled == "worker w: malformed mdp-0.1 message; expelled"
    assert dead.endswith("; the last: its worker sent a malformed mdp-0.1 message")
    [letter] = play.broker.take_letters()
    assert letter.failure == "its worker sent a malformed mdp-0.1 message"


def test_a_dead_letter_says_why_the_last_attempt_failed() -> None:
    play = Play(max_attempts=2, busy_timeout=1.0)
    play.ready(b"w")
    play.ask(b"x")
    play.say(b"w", DialectVerb.DISCONNECT)
    play.ready(b"v")
    play.pass_time(1.5, alive=(b"v",))
    [letter] = play.broker.take_letters()
    assert (letter.attempts, letter.failure) == (2, "no reply within the busy timeout")


def test_a_malformed_reply_of_a_plain_worker_is_told() -> None:
    play = Play(workers="plain")
    play.broker.receive_workers([[b"no", b"envelope"]] * 3, play.now)
    [line] = told(play)
    assert line.startswith("a worker: malformed reply: ")


def test_a_stop_complains_of_nobody() -> None:
    play = Play()
    play.broker.drain()
    play.ask(b"x")
    assert told(play) == []


@pytest.mark.parametrize(
    ("address", "name"),
    [(b"alice", "alice"), (b"\x1b[2J", "1b5b324a"), ("é".encode(), "c3a9"), (b"", "")],
)
def test_peers_are_named_in_printable_text(address: bytes, name: str) -> None:
    assert peer_name(address) == name


def test_a_number_that_libzmq_gave_is_not_shown() -> None:
    number = b"\0\x6b\x8b\x45\x67"
    assert peer_name(number) != number.hex()


@pytest.mark.parametrize("header", [[b"", b"MDPW01"], [b"MDPW02"]], ids=["0.1", "0.2"])
def test_a_worker_at_the_frontend_is_said_with_its_place(header: list[bytes]) -> None:
    play = Play()
    play.client(b"lost", *header, b"\x01", b"echo")
    assert play.broker.take_notices() == [
        "client lost: a Majordomo worker at the frontend; connect it to the backend's address"
    ]


@pytest.mark.parametrize("workers", ["auto", "plain"])
@pytest.mark.parametrize(
    "asked",
    [[b"", b"MDPC01", b"echo", b"1"], [b"MDPC02", b"\x01", b"echo", b"1"]],
    ids=["0.1", "0.2"],
)
def test_a_client_at_the_backend_is_said_with_its_place(workers: str, asked: list[bytes]) -> None:
    play = Play(workers=workers)
    play.worker(*([b"lost"] if workers == "auto" else []), *asked)
    [line] = play.broker.take_notices()
    assert line.endswith("a Majordomo client at the backend; connect it to the frontend's address")
