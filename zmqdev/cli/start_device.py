"""A device from its spec to its end: the engine, what stands beside it, the signals."""

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
    """What moves the messages of this spec."""
    if isinstance(spec, QueueSpec) and spec.reliable.enabled:
        from zmqdev.broker.engine import BrokerEngine  # the broker, which others do not need

        return BrokerEngine(spec)
    if isinstance(spec, StreamerSpec) and spec.spool is not None:
        from zmqdev.device.spool_engine import SpoolEngine  # SQLite, which others do not need

        return SpoolEngine(kind, spec)
    return RelayEngine(kind, spec)


def device_for(kind: DeviceKind, spec: DeviceSpec) -> Device:
    assert spec.name is not None
    engine = engine_for(kind, spec)
    return Device(spec.name, kind.name, engine, drain=spec.drain, io_threads=spec.io_threads)


def attachments_for(
    kind: DeviceKind, spec: DeviceSpec, device: Device, again: Again | None = None
) -> list[Attachment]:
    """What stands beside the data path of one device. `again` reads its settings anew."""
    base = partial(printed, kind, spec)
    asked = None if again is None else lambda: printed(kind, again())
    reload = Reload(lambda service: Settable(service, device, base), asked)
    found: list[Attachment] = [Returning(), Descriptors(), reload]
    if spec.control != "off":
        # Before the ready file: who waits for that may ask at once.
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
    """An attachment, the last one: once all is bound the next life would bind the same."""

    def started(self, service: Service) -> None:
        crash.arm()
        service.on_stop(crash.disarm)

    def ended(self, service: Service) -> None:
        crash.disarm()


def _metrics(place: str, pulse: Pulse) -> Attachment:
    with metrics_extra():
        from zmqdev.report.scrape import Metrics
    return Metrics(place, pulse)


@contextmanager
def metrics_extra() -> Iterator[None]:
    """Around an import of what needs prometheus-client. UsageError names the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "prometheus_client":
            raise
        fix = "pip install 'zmqdev[metrics]'"
        raise UsageError(f"needs prometheus-client; {fix}", "--metrics") from None


def _succeed(name: str, signals: Signals) -> bool:
    """End the device before this one, and wait; False at a signal."""
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
    """`again` reads the settings anew, where a file has them."""
    # Without files to read again SIGHUP ends the program, as when its terminal closes.
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
