"""What systemd hears, at a socket that a test plays."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zmqdev.device.service import Service
from zmqdev.device.systemd import Systemd, watchdog_seconds
from zmqdev.device.watchdog import Pulse


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as here:
        here.bind(str(tmp_path / "notify"))
        here.settimeout(60)
        yield here


def environ(here: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": here.getsockname(), **more}


class Named:
    """A device as far as systemd hears of it."""

    name = "jobs"

    def stop(self, *, at_once: bool) -> None:
        """It has nothing to stop."""


NO_DEVICE: Any = Named()


class Hanging(Pulse):
    """A pulse in which a device hangs."""

    def late(self, allowed: float = 0.0) -> list[str]:
        return ["queue"]


def test_ready_and_stopping_are_told(systemd: socket.socket) -> None:
    service = Service(NO_DEVICE)
    Systemd(Pulse(), environ(systemd)).started(service)
    assert systemd.recv(1000).startswith(b"READY=1\n")
    service.stop()
    assert systemd.recv(1000).startswith(b"STOPPING=1")


def test_an_end_that_nobody_asked_for_is_told_too(systemd: socket.socket) -> None:
    service = Service(NO_DEVICE)
    notify = Systemd(Pulse(), environ(systemd))
    notify.started(service)
    notify.ended(service)
    systemd.recv(1000)
    assert systemd.recv(1000) == b"STOPPING=1"


def test_without_its_socket_nothing_happens() -> None:
    service = Service(NO_DEVICE)
    notify = Systemd(Pulse(), {})
    notify.started(service)
    notify.ended(service)


def test_a_socket_that_is_gone_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Systemd(Pulse(), {"NOTIFY_SOCKET": str(tmp_path / "none")}).started(Service(NO_DEVICE))
    assert "cannot tell systemd" in caplog.text


def test_an_abstract_socket_is_reached() -> None:
    name = f"zmqdev-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as here:
        here.bind(f"\0{name}")
        here.settimeout(60)
        Systemd(Pulse(), {"NOTIFY_SOCKET": f"@{name}"}).started(Service(NO_DEVICE))
        assert here.recv(1000).startswith(b"READY=1")


def test_the_watchdog_is_fed_at_half_of_its_time(systemd: socket.socket) -> None:
    service = Service(NO_DEVICE)
    Systemd(Pulse(60), environ(systemd, WATCHDOG_USEC="20000")).started(service)
    systemd.recv(1000)
    service.loop.at(time.monotonic() + 0.05, service.loop.stop)
    service.loop.run()
    assert systemd.recv(1000) == b"WATCHDOG=1"


def test_the_watchdog_is_not_fed_while_a_device_hangs(
    systemd: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(NO_DEVICE)
    Systemd(Hanging(), environ(systemd, WATCHDOG_USEC="20000")).started(service)
    systemd.recv(1000)
    service.loop.at(time.monotonic() + 0.05, service.loop.stop)
    service.loop.run()
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        systemd.recv(1000)
    assert "queue is not responding" in caplog.text


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "abc"}, None),
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "17"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "18"}, None),
    ],
)
def test_the_watchdog_is_for_the_process_that_it_names(
    environ: dict[str, str], seconds: float | None
) -> None:
    assert watchdog_seconds(environ, 17) == seconds
