"""A part as a thread in the process of `run`, as inproc addresses require."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

from zmqdev.control.attachment import Control
from zmqdev.device.announce import Announcement
from zmqdev.device.device import ENDED, Device
from zmqdev.device.service import Attachment, Service
from zmqdev.device.watchdog import Pulse
from zmqdev.errors import EXIT_FAILED, EXIT_OK, ZmqdevError
from zmqdev.options.control_keys import door_of
from zmqdev.options.device import DeviceSpec, printed, warnings
from zmqdev.options.kind import KINDS
from zmqdev.options.part import Part
from zmqdev.stats.snapshot import Snapshot
from zmqdev.supervisor.runner import Surroundings
from zmqdev.topology.links import ports_of
from zmqdev.topology.rules_machine import refused

log = logging.getLogger("zmqdev")
# Seconds that a start waits for its addresses, and between two looks.
FREED, AGAIN = 1.0, 0.02


class Lodger:
    """A device in this process; `Running` describes the methods."""

    def __init__(self, part: Part, around: Surroundings) -> None:
        self.part, self._around = part, around
        self._device: Device | None = None
        self._service: Service | None = None
        self._ended: Callable[[int], None] | None = None
        self._pulse = Pulse()

    def start(self, ended: Callable[[int], None]) -> None:
        self._ended = ended
        self._try(time.monotonic() + FREED)

    def _try(self, until: float) -> None:
        """Begin as soon as its addresses are free.

        libzmq releases those of a closed socket a moment after the close, because the
        context lives on. Addresses that it connects to must not belong to a part that
        is about to end.
        """
        if self._ended is None:
            return
        ports = list(ports_of(self.part))
        bound = [port for port in ports if port.verb == "bind"]
        joins = {port.address for port in ports if port.verb == "connect"}
        taken = time.monotonic() < until and any(refused(port) for port in bound)
        if taken or joins & self._around.leaving:
            self._around.loop.at(time.monotonic() + AGAIN, partial(self._try, until))
            return
        try:
            assert self.part.device is not None  # only devices share a process
            self._begin(self.part.device)
        except Exception as error:
            status = self._say(error)
            # In the next turn, as for a process, because the caller has not stored this
            # run yet.
            self._around.loop.at(time.monotonic(), partial(self._end, status))

    def _begin(self, spec: DeviceSpec) -> None:
        for line in warnings(spec):
            log.warning("%s: %s", self.part.name, line)
        kind = KINDS[self.part.kind]
        engine = self._around.engine(kind, spec)
        device = Device(
            str(spec.name), kind.name, engine, drain=spec.drain, context=self._around.context
        )
        beside: list[Attachment] = [self._pulse]
        if spec.control != "off":
            security = door_of(spec)
            base = partial(printed, kind, spec)
            beside.append(Control(device, spec.control, base, security=security))
        beside.append(Announcement())
        service = Service(device, beside, loop=self._around.loop, ended=self._attend)
        try:
            service.begin()
        except BaseException:
            service.close()
            raise
        self._device, self._service = device, service

    @property
    def ready(self) -> bool:
        return self._device is not None and self._device.state in ("running", "paused")

    @property
    def pid(self) -> int | None:
        return None

    def snapshot(self) -> Snapshot | None:
        """Return the snapshot of the device; None before it has begun."""
        return self._device.snapshot() if self._device is not None else None

    def stop(self, *, at_once: bool = False) -> None:
        device, service = self._device, self._service
        if device is None or service is None:
            self._end(EXIT_OK)  # it has not begun yet, and will not
            return
        if device.state in ENDED:
            return
        if not service.stopping:
            self._around.leaving.update(self._own)
            service.stop()
        if at_once:
            service.stop()

    @property
    def _own(self) -> set[str]:
        """Return its inproc addresses, which only parts in this process reach."""
        bound = (port.address for port in ports_of(self.part) if port.verb == "bind")
        return {address for address in bound if address.startswith("inproc://")}

    def reload(self) -> None:
        if self._service is not None:
            self._service.reload()

    def kill(self) -> None:
        """Tell it to leave at once, because a thread cannot be killed."""
        self.stop(at_once=True)

    def look(self) -> None:
        """Do nothing: a descriptor reports its end to the loop."""

    def late(self, allowed: float) -> list[str]:
        return self._pulse.late(allowed) if self.ready else []

    def hold(self) -> None:
        """Do nothing: it has no output."""

    def go_on(self) -> None:
        """Do nothing: it has no output."""

    def _attend(self) -> None:
        device, service = self._device, self._service
        assert device is not None
        assert service is not None
        service.close()
        self._around.leaving.difference_update(self._own)
        for line in device.reports:
            log.warning("%s", line)
        self._end(EXIT_OK if device.failure is None else self._say(device.failure))

    def _say(self, failure: BaseException) -> int:
        if isinstance(failure, ZmqdevError):
            log.error("%s: %s", self.part.name, failure)
            return failure.exit_status
        log.error("%s: a defect of zmqdev", self.part.name, exc_info=failure)
        return EXIT_FAILED

    def _end(self, status: int) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(status)
