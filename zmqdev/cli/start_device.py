"""Run a device: its engine, its attachments and its signals, from the settings to the end."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from zmqdev.cli.beginning import begin
from zmqdev.control.attachment import Control
from zmqdev.control.reload import Reload
from zmqdev.control.target import Settable
from zmqdev.device.announce import NOTE, Announcement
from zmqdev.device.device import Device
from zmqdev.device.engine import Engine
from zmqdev.device.fd_limit import Descriptors
from zmqdev.device.ready_file import DeviceReady
from zmqdev.device.reconnect import Returning
from zmqdev.device.relay_engine import RelayEngine
from zmqdev.device.service import Attachment, Service
from zmqdev.device.systemd import Systemd
from zmqdev.device.watchdog import Pulse
from zmqdev.errors import UsageError
from zmqdev.options.control_keys import door_of
from zmqdev.options.device import DeviceSpec, printed, reloadable, warnings
from zmqdev.options.kind import DeviceKind
from zmqdev.options.queue import QueueSpec
from zmqdev.options.streamer import StreamerSpec
from zmqdev.report.display import display, mode_of
from zmqdev.report.log import logging_to_stderr
from zmqdev.system import crash, journal
from zmqdev.system.signals import STEERING, STOPPING, Signals

log = logging.getLogger("zmqdev")
Again = Callable[[], DeviceSpec]


def engine_for(kind: DeviceKind, spec: DeviceSpec) -> Engine:
    """Return the engine that moves the messages of this device."""
    if isinstance(spec, QueueSpec) and spec.reliable.enabled:
        from zmqdev.broker.engine import BrokerEngine  # the broker, which others do not need

        return BrokerEngine(spec)
    if isinstance(spec, StreamerSpec) and spec.spool is not None:
        from zmqdev.device.spool_engine import SpoolEngine  # SQLite, which others do not need

        return SpoolEngine(kind, spec)
    return RelayEngine(kind, spec)


def device_for(kind: DeviceKind, spec: DeviceSpec) -> Device:
    """Return the device with its engine."""
    assert spec.name is not None
    engine = engine_for(kind, spec)
    return Device(spec.name, kind.name, engine, drain=spec.drain, io_threads=spec.io_threads)


def attachments_for(
    kind: DeviceKind, spec: DeviceSpec, device: Device, again: Again | None = None
) -> list[Attachment]:
    """Return the attachments beside the data path. `again` reads the settings again."""
    base = partial(printed, kind, spec)
    asked = None if again is None else lambda: printed(kind, again())
    reload = Reload(lambda service: Settable(service, device, base), asked)
    found: list[Attachment] = [Returning(), Descriptors(), reload]
    if spec.control != "off":
        # Before the ready file, because a program that waits for it may ask at once.
        changed = lambda: reload.changed  # noqa: E731
        found.append(Control(device, spec.control, base, changed, door_of(spec)))
    pulse = Pulse()
    found.append(pulse)
    if spec.metrics:
        found.append(_metrics(spec.metrics, pulse))
    if spec.ready_file:
        found.append(DeviceReady(spec.ready_file))
    found.append(Systemd(pulse))
    found.append(Announcement(shown=mode_of(spec.stats) == "live", kept=journal.reads(sys.stderr)))
    shown = display(spec.stats)
    if shown is not None:
        found.append(shown)
    return found


class Armed:
    """The last attachment: a restart after a crash is useful only once all is bound."""

    def started(self, service: Service) -> None:
        """Allow a restart after a crash."""
        crash.arm()
        service.on_stop(crash.disarm)

    def ended(self, service: Service) -> None:
        """Allow it no more."""
        crash.disarm()


def _metrics(place: str, pulse: Pulse) -> Attachment:
    with metrics_extra():
        from zmqdev.report.scrape import Metrics
    return Metrics(place, pulse)


@contextmanager
def metrics_extra() -> Iterator[None]:
    """Wrap an import that needs prometheus-client; UsageError names the missing extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "prometheus_client":
            raise
        fix = "pip install 'zmqdev[metrics]'"
        raise UsageError(f"needs prometheus-client; {fix}", "--metrics") from None


def _succeed(name: str, signals: Signals) -> bool:
    """End the device that this one replaces and wait for it; return False at a signal."""
    from zmqdev.control.client import PATIENCE
    from zmqdev.control.ending import replace

    left: list[int] = []

    def stopped() -> list[int]:
        left.extend(signals.take())
        return left

    why = replace(name, lambda line: log.log(NOTE, "%s", line), stopped, PATIENCE)
    if why is not None:
        log.warning("replaced %s: %s", name, why)
    return not left


def run_device(kind: DeviceKind, spec: DeviceSpec, again: Again | None = None) -> int:
    """Run a device and return its exit status. `again` reads its settings from the file again."""
    # Without files to read again, SIGHUP ends the program, as when its terminal closes.
    numbers = STOPPING + (STEERING if again or reloadable(spec) else ())
    with Signals(numbers) as signals, logging_to_stderr(spec):
        life = begin(spec.name, warnings(spec), lambda: printed(kind, spec))
        crash.arm()
        if not crash.rest(life, signals):
            return 0
        if spec.replace and not life.restarts and not _succeed(spec.replace, signals):
            return 0
        device = device_for(kind, spec)
        service = Service(device, [*attachments_for(kind, spec, device, again), Armed()])
        service.run(signals, life.remaining(spec.duration))
    return 0
