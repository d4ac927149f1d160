"""An address that is not reached is named with what is in the way, once, and again on a change."""

from __future__ import annotations

import io
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.ports import Ports

from zmqdev.device.announce import NOTE
from zmqdev.device.peers import PeerWatch
from zmqdev.device.socket import OpenSocket, make
from zmqdev.device.tally import PeerEvent
from zmqdev.device.unreached import LONGEST_PAUSE, PATIENCE, Obstacle, Reach, Unreached, look_at

HERE = "tcp://localhost:5555"
REFUSED = Obstacle(HERE, "connection refused", frozenset({"tcp://127.0.0.1:5555"}))
UNKNOWN = Obstacle(HERE, "name not known")


def following() -> Unreached:
    made = Unreached()
    made.follow([HERE], now=0)
    return made


def test_a_peer_that_starts_at_the_same_moment_is_waited_for() -> None:
    unreached = following()
    assert unreached.due(PATIENCE - 0.1) == []
    assert unreached.due(PATIENCE) == [HERE]
    assert unreached.due(PATIENCE) == [], "asked for once"


def test_the_same_cause_is_said_once_and_another_one_again() -> None:
    unreached = following()
    assert unreached.found(UNKNOWN) == f"{HERE}: name not known; still trying"
    assert unreached.found(UNKNOWN) is None
    assert unreached.found(REFUSED) == f"{HERE}: connection refused; still trying"
    assert unreached.connected("tcp://127.0.0.1:5555") == f"{HERE}: connected"
    assert unreached.connected("tcp://127.0.0.1:5555") is None, "it was said"


def test_what_is_connected_is_not_looked_at_and_what_was_lost_is() -> None:
    unreached = following()
    assert unreached.connected(HERE) is None, "nothing was said before"
    assert unreached.due(100) == []
    unreached.lost(HERE, now=100)
    assert unreached.due(100 + PATIENCE / 2) == []
    assert unreached.due(100 + PATIENCE) == [HERE]


def test_a_connection_under_another_name_counts() -> None:
    """libzmq names a connection to localhost by its number."""
    unreached = following()
    assert unreached.connected("tcp://127.0.0.1:5555") is None
    assert unreached.due(PATIENCE) == [HERE], "the name is not resolved yet"
    assert unreached.found(REFUSED) is None
    assert unreached.due(1000) == []


def test_pauses_double_up_to_a_minute() -> None:
    unreached = following()
    now, looks = 0.0, []
    while now < 600:
        looks += [now] if unreached.due(now) else []
        now += 0.5
    pauses = [after - before for before, after in pairwise(looks)]
    assert pauses[0] <= 2
    assert max(pauses) == LONGEST_PAUSE
    assert pauses == sorted(pauses)


def test_an_address_that_was_given_up_is_forgotten() -> None:
    unreached = following()
    unreached.follow([], now=1)
    assert unreached.due(100) == []
    assert unreached.found(REFUSED) is None


@pytest.fixture
def closed() -> Iterator[socket.socket]:
    """Bound and not listening: nothing else can have its port, and it refuses."""
    with closing(Ports()) as ports, socket.socket() as made:
        made.bind(("127.0.0.1", ports.take(1)[0]))
        yield made


def address_of(made: socket.socket) -> str:
    return f"tcp://127.0.0.1:{made.getsockname()[1]}"


def test_causes_in_words(tmp_path: Path, closed: socket.socket) -> None:
    assert look_at("tcp://nosuch.invalid:5555").cause in {
        "name not known",
        "no answer from the name server",
    }
    assert look_at(address_of(closed)).cause == "connection refused"
    assert look_at(f"ipc://{tmp_path}/nosuch").cause == "no such file"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = look_at(f"tcp://localhost:{port}")
    assert found.cause is None
    assert f"tcp://127.0.0.1:{port}" in found.aliases


@pytest.fixture
def opened() -> Any:
    context: zmq.Context[Any] = zmq.Context()
    made = make(context, "side", "PUSH", {"reconnect_ivl": 20})
    yield made
    made.close(0)
    context.destroy(linger=0)


def watched(opened: OpenSocket, address: str, line: str, caplog: pytest.LogCaptureFixture) -> Reach:
    """Connect, and look until the line was said."""
    opened.connect(address)
    reach = Reach("push", opened)
    end = time.monotonic() + 30
    while line not in caplog.text:
        assert time.monotonic() < end, caplog.text
        reach.look(time.monotonic())
    return reach


def test_a_refused_port_is_said_and_its_connection_too(
    opened: OpenSocket, caplog: pytest.LogCaptureFixture, closed: socket.socket
) -> None:
    caplog.set_level(logging.INFO, "zmqdev")
    address = address_of(closed)
    watch = PeerWatch(opened.socket)
    reach = watched(opened, address, f"push: {address}: connection refused; still trying", caplog)
    closed.close()
    server = opened.socket.context.socket(zmq.PULL)
    server.bind(address)
    end = time.monotonic() + 30
    while f"push: {address}: connected" not in caplog.text:
        assert time.monotonic() < end, caplog.text
        watch.drain(lambda event: reach.heard(event, time.monotonic()))
    watch.disable()
    watch.close()


@pytest.mark.parametrize(("terminal", "level"), [(True, NOTE), (False, logging.INFO)])
def test_it_is_shown_on_a_terminal_and_at_info(
    opened: OpenSocket,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    closed: socket.socket,
    terminal: bool,
    level: int,
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setattr("sys.stderr", stream)
    caplog.set_level(logging.INFO, "zmqdev")
    watched(opened, address_of(closed), "connection refused", caplog)
    assert [record.levelno for record in caplog.records] == [level]


def test_an_event_of_another_address_says_nothing(opened: OpenSocket) -> None:
    reach = Reach("push", opened)
    reach.heard(PeerEvent("connected", "tcp://127.0.0.1:1"), 0.0)
    reach.heard(PeerEvent("disconnected", "tcp://127.0.0.1:1"), 0.0)
