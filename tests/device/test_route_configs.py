"""The files of `configs/route-*.yaml`: what their tests say holds over real sockets too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
import zmq
from support.processes import until

Context = zmq.Context[zmq.Socket[bytes]]
Begin = Callable[..., Any]
ANY = "tcp://127.0.0.1:*"
CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("route-*.yaml"))
SENDERS = {"PULL": zmq.PUSH, "XSUB": zmq.XPUB, "SUB": zmq.XPUB, "ROUTER": zmq.DEALER}
TAKERS = {"PUSH": zmq.PULL, "DEALER": zmq.DEALER}


def device_of(path: Path) -> dict[str, Any]:
    """The device of the file, at ports of its own."""
    found = yaml.safe_load(path.read_text())
    parts = found.get("parts", {"alone": found}).values()
    device: dict[str, Any] = next(part for part in parts if "device" in part)
    sides = [device["frontend"], *device.get("backends", {}).values()]
    for side in (*sides, *([device["backend"]] if "backend" in device else [])):
        side.pop("connect", None)
        side["bind"] = ANY
    device.pop("ignore", None)
    return device


class Running:
    """The device with a peer at each side."""

    def __init__(self, item: Any, context: Context) -> None:
        self.item = item
        self.sides = {side["name"]: side for side in item.ask("status")["sides"]}
        self.takers = {
            name: self._peer(context, TAKERS[side["type"]], name)
            for name, side in self.sides.items()
            if side["type"] in TAKERS
        }
        self.sender = self._peer(context, SENDERS[self.sides["frontend"]["type"]], "frontend")

    def _peer(self, context: Context, type_: int, side: str) -> zmq.Socket[bytes]:
        made = context.socket(type_)
        made.connect(self.sides[side]["addresses"][0]["actual"])
        self.item.serve(lambda: self.item.ask("peers")[side]["connected"] == 1)
        if type_ == zmq.XPUB and self.sides["frontend"]["type"] == "SUB":
            assert made.recv() == b"\1"  # a SUB takes all
        return made

    def subscribed(self, context: Context) -> zmq.Socket[bytes] | None:
        """A subscriber behind an XPUB, of which the publisher has heard."""
        if self.sides["frontend"]["type"] != "XSUB":
            return None
        subscriber = context.socket(zmq.SUB)
        subscriber.subscribe(b"")
        subscriber.connect(self.sides["backend"]["addresses"][0]["actual"])
        assert self.sender.recv() == b"\1"
        return subscriber

    def send(self, frames: list[bytes]) -> None:
        envelope = [b""] if self.sender.type == zmq.DEALER else []
        self.sender.send_multipart([*envelope, *frames])

    def passed(self) -> dict[str, int]:
        rows = self.item.ask("status")["details"]["backends"]
        return {row["name"]: row["messages"] for row in rows}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_each_message_arrives_where_the_tests_of_the_file_say(
    path: Path, steered: Begin, context: Context
) -> None:
    device = device_of(path)
    kind = device.pop("device")
    running = Running(steered(kind, text=yaml.safe_dump(device)), context)
    kept = running.subscribed(context)
    expected: Counter[str] = Counter()
    for test in device["tests"]:
        to = [test["to"]] if isinstance(test["to"], str) else test["to"]
        frames = [str(frame).encode() for frame in test["message"]]
        running.send(frames)
        for name in to:
            expected[name] += name != "drop"
            if name in running.takers:
                assert running.takers[name].recv_multipart()[-len(frames) :] == frames
    until(
        lambda: all(count == expected[name] for name, count in running.passed().items()),
        "each backend has got its messages and no others",
    )
    del kept


def test_there_are_the_ten_uses() -> None:
    assert len(CONFIGS) == 10
