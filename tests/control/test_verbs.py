"""What each verb of a control socket does to a real device."""

from __future__ import annotations

import logging
import select
from collections.abc import Callable
from typing import Any

import pytest
import zmq
from support import rawpeer
from support.processes import until

from zmqdev.tools.probe import greeting, zmtp

Context = zmq.Context[zmq.Socket[bytes]]
WILDCARD = "tcp://127.0.0.1:*"
Begin = Callable[..., Any]


def test_status_says_what_the_snapshot_says_and_who_runs(steered: Begin) -> None:
    told = steered().ask("status")
    assert (told["name"], told["kind"], told["state"]) == ("queue", "queue", "running")
    assert [flow["name"] for flow in told["flows"]] == ["forward", "backward"]
    assert told["process"]["relay"] in ("native", "python")


def test_pause_and_resume_change_the_state(steered: Begin) -> None:
    item = steered()
    assert item.ask("pause") == {"state": "paused"}
    assert item.ask("status")["state"] == "paused"
    assert item.ask("resume") == {"state": "running"}


def test_what_comes_in_a_pause_is_kept_and_passed_on_after_it(
    steered: Begin, context: Context
) -> None:
    item = steered("streamer")
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.connect(item.addresses[0])
    pull.connect(item.addresses[1])
    item.ask("pause")
    for number in range(500):
        push.send(b"%d" % number)
    assert not pull.poll(100)
    item.ask("resume")
    assert [pull.recv() for _ in range(500)] == [b"%d" % number for number in range(500)]


def test_reset_counts_from_zero(steered: Begin, context: Context) -> None:
    item = steered("streamer")
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.connect(item.addresses[0])
    pull.connect(item.addresses[1])
    push.send(b"x")
    pull.recv()
    until(lambda: item.ask("status")["flows"][0]["counts"]["messages"] == 1, "one message counted")
    item.ask("reset")
    assert item.ask("status")["flows"][0]["counts"]["messages"] == 0


def test_peers_are_counted_and_named_by_side(steered: Begin, context: Context) -> None:
    item = steered()
    right = context.socket(zmq.DEALER)
    right.connect(item.addresses[0])
    item.serve(lambda: item.ask("peers")["frontend"]["connected"] == 1)
    # By hand: a socket would see the mismatch too, and hang up before it is seen here.
    with rawpeer.connect(item.addresses[0]) as wrong:
        wrong.sendall(greeting.build() + zmtp.ready("PULL"))
        item.serve(lambda: item.ask("peers")["frontend"]["failed_handshakes"] == 1)
    told = item.ask("peers")
    assert told["backend"]["connected"] == 0
    assert any("socket types" in reason for reason in told["frontend"]["reasons"])
    assert told["frontend"]["addresses"][0].startswith("tcp://127.0.0.1:")


def test_a_side_gets_and_loses_addresses_without_a_restart(
    steered: Begin, context: Context
) -> None:
    item = steered("streamer")
    bound = item.ask("bind", side="frontend", address=WILDCARD)["actual"]
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.connect(bound)
    pull.bind(WILDCARD)
    there = pull.getsockopt_string(zmq.LAST_ENDPOINT)
    item.ask("connect", side="backend", address=there)
    push.send(b"x")
    assert pull.recv() == b"x"
    item.ask("disconnect", side="backend", address=there)
    item.ask("unbind", side="frontend", address=bound)
    assert [len(side["addresses"]) for side in item.ask("status")["sides"]] == [1, 1]


def test_an_address_that_cannot_be_had_is_refused_and_changes_nothing(steered: Begin) -> None:
    item = steered()
    taken = item.addresses[1]
    assert item.refusal("bind", side="frontend", address=taken) == (
        f"refused: cannot bind {taken}: address already in use by this program itself"
    )
    assert item.refusal("bind", side="left", address=taken).startswith("bad-argument: side:")
    assert "has no port" in item.refusal("bind", side="frontend", address="tcp://x")
    assert "inside one process" in item.refusal("bind", side="frontend", address="inproc://x")
    assert "is not among" in item.refusal("unbind", side="frontend", address="tcp://127.0.0.1:1")
    assert len(item.ask("status")["sides"][0]["addresses"]) == 1


def test_an_address_asked_for_twice_is_named_by_the_one_that_was_bound(steered: Begin) -> None:
    item = steered()
    second = item.ask("bind", side="frontend", address=WILDCARD)["actual"]
    assert "is 2 times among" in item.refusal("unbind", side="frontend", address=WILDCARD)
    assert item.ask("unbind", side="frontend", address=second)["actual"] == second


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:0;127.0.0.1"])
def test_a_side_connects_to_a_name_and_from_an_address_of_its_own(
    steered: Begin, context: Context, host: str
) -> None:
    item = steered("streamer")
    pull = context.socket(zmq.PULL)
    port = pull.bind_to_random_port("tcp://127.0.0.1")
    item.ask("connect", side="backend", address=f"tcp://{host}:{port}")
    item.serve(lambda: item.ask("peers")["backend"]["connected"] == 1)
    item.ask("disconnect", side="backend", address=f"tcp://{host}:{port}")
    item.serve(lambda: item.ask("peers")["backend"]["connected"] == 0)


def test_what_was_connected_to_twice_is_disconnected_by_one_word(
    steered: Begin, context: Context
) -> None:
    item = steered("streamer")
    pull = context.socket(zmq.PULL)
    pull.bind(WILDCARD)
    there = pull.getsockopt_string(zmq.LAST_ENDPOINT)
    for _ in range(2):
        item.ask("connect", side="backend", address=there)
    item.serve(lambda: item.ask("peers")["backend"]["connected"] == 2)
    item.ask("disconnect", side="backend", address=there)
    item.serve(lambda: item.ask("peers")["backend"]["connected"] == 0)
    assert item.ask("peers")["backend"]["disconnects"] == 2
    assert len(item.ask("status")["sides"][1]["addresses"]) == 1


def test_set_changes_what_can_change_and_config_shows_it(steered: Begin) -> None:
    item = steered()
    logger = logging.getLogger("zmqdev")
    before = logger.level
    try:
        assert item.ask("set", key="log-level", value="info") == {
            "key": "log-level",
            "value": "info",
        }
        assert logger.level == logging.INFO
    finally:
        logger.setLevel(before)
    item.ask("set", key="interval", value="250ms")
    item.ask("set", key="on-full", value="drop")
    item.ask("set", key="backend.sndhwm", value="17")
    item.ask("set", key="frontend.hwm", value="5")
    told = item.ask("config")
    assert (told["verbose"], told["stats"]["interval"], told["on-full"]) == (1, "250ms", "drop")
    assert told["backend"]["sndhwm"] == 17
    assert (told["frontend"]["sndhwm"], told["frontend"]["rcvhwm"]) == (5, 5)


def test_set_names_what_it_does_not_know(steered: Begin) -> None:
    item = steered()
    assert "did you mean 'on-full'" in item.refusal("set", key="on-ful", value="drop")
    assert "on-full: 'maybe'" in item.refusal("set", key="on-full", value="maybe")
    assert "log-level: 'loud'" in item.refusal("set", key="log-level", value="loud")
    assert item.refusal("set", key="on-full").startswith("bad-argument: set needs value")


def test_config_starts_the_same_device_again(steered: Begin) -> None:
    item = steered()
    item.ask("bind", side="frontend", address="tcp://127.0.0.1:*")
    told = item.ask("config")
    assert told["device"] == "queue"
    assert told["frontend"]["bind"] == [WILDCARD, WILDCARD]
    assert told["frontend"]["connect"] == []


def test_a_mark_that_was_set_holds_for_peers_that_come_later(
    steered: Begin, context: Context
) -> None:
    item = steered("streamer", set=["backend.sndbuf=4096"])
    item.ask("set", key="backend.sndhwm", value="3")
    pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    pull.set(zmq.RCVHWM, 1)
    pull.set(zmq.RCVBUF, 4096)
    pull.connect(item.addresses[1])
    item.serve(lambda: item.ask("peers")["backend"]["connected"] == 1)
    item.device.call(lambda: None)  # what was asked of the device's thread before is done
    push.connect(item.addresses[0])

    def passed() -> int:
        return int(item.ask("status")["flows"][0]["counts"]["messages"])

    for _ in range(200):
        push.send(b"x" * 20_000)
    item.serve(lambda: item.ask("status")["flows"][0]["counts"]["blocked_ns"] > 0)
    assert passed() < 50


def test_after_a_stop_there_is_no_pause(steered: Begin) -> None:
    item = steered()
    item.ask("drain", within="10s")
    assert item.device.drain == 10.0
    until(lambda: item.device.state in ("draining", "stopped"), "the drain")
    assert item.refusal("pause").startswith("refused: queue is ")
    # In its thread it waits for what was sent to leave; a call would hold up all answers.
    assert item.refusal("set", key="backend.hwm", value="5").startswith("refused: queue is ")
    assert item.refusal("bind", side="frontend", address=WILDCARD).startswith("refused: queue is ")


def test_a_tap_is_given_up_while_the_device_waits_for_its_end(steered: Begin) -> None:
    item = steered()
    item.ask("tap", viewer="lost", lease="50ms")
    item.device.stop()
    assert select.select([item.device], [], [], 20)[0]
    item.control._on.tap.close()
    assert item.device.state == "draining"


def test_every_verb_is_listed_with_its_usage(steered: Begin) -> None:
    told = steered().ask("verbs")
    assert told["connect"]["usage"] == "connect SIDE ADDRESS"
    assert {"status", "pause", "resume", "drain", "stop", "reset", "peers", "config", "set"} < set(
        told
    )


def test_what_a_forwarder_passes_on_with_no_subscription_is_counted(
    steered: Begin, context: Context
) -> None:
    """A publisher that filters would not send it; one that comes back may."""
    item = steered("forwarder")
    with rawpeer.connect(item.addresses[0]) as publisher:
        publisher.sendall(greeting.build() + zmtp.ready("PUB"))
        item.serve(lambda: item.ask("peers")["frontend"]["connected"] == 1)
        publisher.sendall(b"\x00\x05alone" * 3)
        until(lambda: item.ask("status")["details"]["unheard"] == 3, "three are counted")
        sub = context.socket(zmq.SUB)
        sub.subscribe(b"")
        sub.connect(item.addresses[1])
        until(lambda: item.ask("status")["flows"][1]["counts"]["messages"] == 1, "it subscribes")
        publisher.sendall(b"\x00\x05heard")
        assert sub.recv() == b"heard"
    assert item.ask("status")["details"]["unheard"] == 3
    item.ask("reset")
    assert item.ask("status")["details"]["unheard"] == 0
