"""A device with its control, asked without a socket: what the tests of steering share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from zmqdev.control.attachment import Control
from zmqdev.control.protocol import write_request
from zmqdev.device.device import Device
from zmqdev.device.relay_engine import RelayEngine
from zmqdev.device.service import Service
from zmqdev.options.device import DeviceSpec, printed
from zmqdev.options.device_check import resolve
from zmqdev.options.document import read
from zmqdev.options.kind import KINDS
from zmqdev.options.layer import build, file_layer, flag_layer

Context = zmq.Context[zmq.Socket[bytes]]
WILDCARD = "tcp://127.0.0.1:*"


class Steered:
    """A device, its service, its control; asked without a socket, in this thread. `text` is what
    a file says."""

    def __init__(self, kind: str, address: str | None, text: str = "", **flags: object) -> None:
        row = KINDS[kind]
        asked: dict[tuple[str, ...], object] = {
            ("frontend", "bind"): [WILDCARD],
            ("backend", "bind"): [WILDCARD],
        }
        asked.update({(key,): value for key, value in flags.items()})
        layers = [flag_layer(DeviceSpec, asked)]
        if text:
            layers.append(file_layer(DeviceSpec, read(text.encode(), "d.yaml")))
        spec, written = build(DeviceSpec, layers)
        spec = resolve(row, spec, written)
        self.device = Device(kind, kind, RelayEngine(row, spec), drain=1.0)
        self.control = Control(self.device, address, lambda: printed(row, spec))
        self.service = Service(self.device)
        self.service.watch()
        try:
            self.control.started(self.service)
        except BaseException:
            self.end()
            raise

    def told(self, verb: str, **args: Any) -> dict[str, Any]:
        reply = self.control.answer([b"id", b"", write_request(verb, args)])
        assert reply[:2] == [b"id", b""]
        found: dict[str, Any] = json.loads(reply[2])
        return found

    def ask(self, verb: str, **args: Any) -> Any:
        reply = self.told(verb, **args)
        assert reply["ok"], reply
        return reply["result"]

    def refusal(self, verb: str, **args: Any) -> str:
        reply = self.told(verb, **args)
        assert not reply["ok"]
        return f"{reply['error']['code']}: {reply['error']['message']}"

    def serve(self, condition: Callable[[], object]) -> None:
        """Turn the loop until something holds."""
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end
            self.service.loop.at(time.monotonic() + 0.01, lambda: None)
            self.service.loop.turn()

    @property
    def addresses(self) -> list[str]:
        return [side.addresses[0].actual for side in self.device.engine.sockets()]

    def end(self) -> None:
        self.device.stop(at_once=True)
        assert self.device.join(60)
        self.control.ended(self.service)


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "zmqdev"


@pytest.fixture
def steered(runtime: Path) -> Iterator[Callable[..., Steered]]:
    made: list[Steered] = []

    def begin(
        kind: str = "queue", address: str | None = None, text: str = "", **flags: object
    ) -> Steered:
        made.append(Steered(kind, address, text, **flags))
        return made[-1]

    yield begin
    for item in made:
        item.end()


@pytest.fixture
def context() -> Iterator[Context]:
    made: Context = zmq.Context()
    made.setsockopt(zmq.LINGER, 0)
    made.setsockopt(zmq.RCVTIMEO, 60_000)
    yield made
    made.destroy(linger=0)
