"""A gate opens when enough are there, and stays open."""

from __future__ import annotations

from zmqdev.endpoints.gate import Gate, SeenSubscriptions


def test_with_nobody_wanted_it_is_open_at_once() -> None:
    gate = Gate(None, lambda: 0, "peers")
    assert gate.check()
    assert gate.unmet() is None


def test_it_opens_at_the_number_and_stays_open() -> None:
    present = [1]
    gate = Gate(2, lambda: present[0], "peers")
    assert not gate.check()
    assert gate.unmet() == "1 of 2 peers came"
    present[0] = 2
    assert gate.check()
    present[0] = 0
    assert gate.check()


def test_subscriptions_come_and_go_and_other_messages_are_none() -> None:
    subscriptions = SeenSubscriptions()
    for frames in (
        [b"\x01a"],
        [b"\x01a"],
        [b"\x01"],
        [b"\x00a"],
        [b"hello"],
        [b"\x01", b"x"],
        [b""],
    ):
        subscriptions.receive(frames)
    assert subscriptions.held == 2
    for _ in range(5):
        subscriptions.receive([b"\x00"])
    assert subscriptions.held == 0
