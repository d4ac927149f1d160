"""Named backends are sides like the others: asked, set, given addresses, seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import zmq
from support.processes import until

Context = zmq.Context[zmq.Socket[bytes]]
Begin = Callable[..., Any]
ANY = "tcp://127.0.0.1:*"


def begin(steered: Begin, kind: str) -> Any:
    return steered(kind, text=f"backends: {{eu: {{bind: {ANY}}}}}")


def test_status_and_peers_have_them(steered: Begin, context: Context) -> None:
    item = begin(steered, "streamer")
    sides = {side["name"]: side for side in item.ask("status")["sides"]}
    assert list(sides) == ["frontend", "backend", "eu"]
    peer = context.socket(zmq.PULL)
    peer.connect(sides["eu"]["addresses"][0]["actual"])
    item.serve(lambda: item.ask("peers")["eu"]["connected"] == 1)
    assert item.ask("peers")["backend"]["connected"] == 0


def test_they_are_set_and_bound_and_config_says_so(steered: Begin) -> None:
    item = begin(steered, "streamer")
    item.ask("set", key="eu.sndhwm", value="7")
    item.ask("bind", side="eu", address="tcp://127.0.0.1:0")
    told = item.ask("config")["backends"]["eu"]
    assert told["sndhwm"] == 7
    assert len(told["bind"]) == 2
    assert "no 'eo'" in item.refusal("bind", side="eo", address="tcp://127.0.0.1:0")
    assert "did you mean 'eu.sndhwm'" in item.refusal("set", key="eo.sndhwm", value="7")


def test_subscriptions_of_every_xpub_travel_upstream(steered: Begin, context: Context) -> None:
    item = begin(steered, "forwarder")
    sides = {side["name"]: side for side in item.ask("status")["sides"]}
    publisher = context.socket(zmq.XPUB)
    publisher.connect(sides["frontend"]["addresses"][0]["actual"])
    subscribers = []
    for side, topic in (("backend", b"rest"), ("eu", b"eu.")):
        subscriber = context.socket(zmq.SUB)
        subscribers.append(subscriber)  # one that is let go is closed, and unsubscribes
        subscriber.subscribe(topic)
        subscriber.connect(sides[side]["addresses"][0]["actual"])
        until(lambda: publisher.poll(50), "a subscription")
        assert publisher.recv() == b"\1" + topic
