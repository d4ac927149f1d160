"""Whether a device still turns, as a watchdog sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from support.processes import until

from zmqdev.device.device import Device
from zmqdev.device.relay_engine import RelayEngine
from zmqdev.device.service import Service
from zmqdev.device.watchdog import Pulse
from zmqdev.options.device import DeviceSpec
from zmqdev.options.device_check import resolve
from zmqdev.options.kind import KINDS
from zmqdev.options.layer import build, flag_layer


@pytest.fixture
def device() -> Iterator[Device]:
    wildcard = ["tcp://127.0.0.1:*"]
    asked = {("frontend", "bind"): wildcard, ("backend", "bind"): wildcard}
    kind = KINDS["streamer"]
    spec, written = build(DeviceSpec, [flag_layer(DeviceSpec, asked)])
    made = Device("jobs", kind.name, RelayEngine(kind, resolve(kind, spec, written)), drain=0.0)
    made.start()
    yield made
    made.stop(at_once=True)
    assert made.join(60)


def run(service: Service, seconds: float) -> None:
    service.loop.at(time.monotonic() + seconds, service.loop.stop)
    service.loop.run()


def test_a_device_that_turns_is_not_late(device: Device) -> None:
    pulse, service = Pulse(0.01), Service(device)
    pulse.started(service)
    run(service, 0.3)
    until(lambda: run(service, 0.02) or not pulse.late(0.25), "a beat to be taken up")


def test_a_device_that_hangs_is_named_and_forgiven_when_it_goes_on(device: Device) -> None:
    pulse, service = Pulse(0.01), Service(device)
    pulse.started(service)
    go_on = threading.Event()
    device.post(lambda: go_on.wait(60))
    until(lambda: run(service, 0.02) or pulse.late(0.2) == ["jobs"], "the device to be late")
    go_on.set()
    until(lambda: run(service, 0.02) or not pulse.late(0.2), "the device to be forgiven")


def test_a_main_loop_that_hangs_is_named(device: Device) -> None:
    pulse, service = Pulse(0.01), Service(device)
    pulse.started(service)
    until(lambda: pulse.late(0.05) == ["main loop"], "the main loop to be late")


def test_what_is_no_older_than_a_beat_is_not_late() -> None:
    """A watchdog may ask for less than the time between two beats."""
    assert Pulse(60).late(0.0) == []


def test_a_device_that_has_ended_is_not_late(device: Device) -> None:
    pulse, service = Pulse(0.01), Service(device)
    pulse.started(service)
    device.stop(at_once=True)
    assert device.join(60)
    run(service, 0.1)
    assert pulse.late(0.05) == []
