"""What a person sees who sits before it: a chat of two, and a publisher that tells who comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import until
from support.terminal import Terminal

Ports = Callable[[int], list[int]]
Open = Callable[..., Terminal]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Open]:
    opened: list[Terminal] = []

    def begin(*words: str) -> Terminal:
        made = Terminal(list(words), env={"XDG_RUNTIME_DIR": str(tmp_path)})
        opened.append(made)
        return made

    yield begin
    for one in opened:
        one.end()


def test_two_terminals_chat_by_pair(terminal: Open, free_ports: Ports) -> None:
    [port] = free_ports(1)
    here = terminal("pair", "-b", f"tcp://127.0.0.1:{port}")
    here.shows(f"bind tcp://127.0.0.1:{port}")
    there = terminal("pair", f"{port}")
    here.shows("connected")
    here.keys(b"good morning\n")
    there.shows("good morning")
    there.keys(b"and to you\n")
    here.shows("and to you")
    there.keys(b"\x1b]0;title\x07\n")  # what is typed cannot steer the other one's terminal
    here.shows(r"\x1b]0;title\x07")
    for one in (there, here):
        one.keys(b"\x03")
        assert one.wait() == 0, one.text


def test_the_end_of_the_keyboard_ends_a_chat(terminal: Open, free_ports: Ports) -> None:
    [port] = free_ports(1)
    here = terminal("pair", "-b", f"tcp://127.0.0.1:{port}")
    there = terminal("pair", f"{port}")
    there.keys(b"bye\n\x04")
    here.shows("bye")
    assert there.wait() == 0, there.text
    here.keys(b"\x03")
    assert here.wait() == 0, here.text


def test_a_publisher_tells_its_address_who_came_and_how_many_it_sent(
    terminal: Open, free_ports: Ports, context: zmq.Context[Any]
) -> None:
    [port] = free_ports(1)
    pub = terminal("pub", "-b", f"{port}", "--rate", "100")
    pub.shows(f"bind tcp://127.0.0.1:{port}")
    sub = context.socket(zmq.SUB)
    sub.rcvtimeo = 60_000
    sub.subscribe(b"")
    sub.connect(f"tcp://127.0.0.1:{port}")
    assert sub.recv()
    pub.shows("connected")
    pub.keys(b"\x03")
    assert pub.wait() == 0, pub.text
    until(lambda: "sent" in pub.text, "how many were sent")
