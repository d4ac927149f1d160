"""The addresses bound and connected, as log lines at the start.

They are logged at -v. Without it, only a port that the system chose is logged, since it is known
nowhere else. The journal of systemd gets all lines, and the totals at the end: a service has no
other place for them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from zmqdev.stats.ending import ending, eventful
from zmqdev.stats.snapshot import AddressState, Flow

if TYPE_CHECKING:
    from zmqdev.device.service import Service

log = logging.getLogger("zmqdev")
# A level that is shown without -v, for messages that are not warnings.
NOTE = logging.WARNING + 1
logging.addLevelName(NOTE, "NOTE")


def announce(
    who: str, state: AddressState, *, shown: bool = False, level: int | None = None
) -> None:
    """Log an address.

    `who` is put before it, like `queue frontend: `. `shown`: the address can be seen elsewhere.
    """
    chosen = bool(state.asked) and _port(state.asked) != _port(state.actual)
    if level is None:
        level = NOTE if chosen and not shown else logging.INFO
    log.log(level, "%s%s %s", who, state.verb, state.actual)


def _port(address: str) -> str:
    """Return what comes after the last colon: the port, or the path of a local address."""
    return address.rpartition(":")[2]


def total(name: str, flow: Flow) -> None:
    """Log the totals of a direction."""
    log.log(
        NOTE,
        "%s %s: %d messages, %d bytes, %d dropped",
        name,
        flow.name,
        flow.messages,
        flow.bytes,
        flow.dropped,
    )


class Announcement:
    """An attachment that logs the addresses; start it after everything that has an address.

    `shown`: a live view shows the addresses. `kept`: the lines are written to the journal.
    """

    def __init__(self, *, shown: bool = False, kept: bool = False) -> None:
        self._shown, self._kept = shown, kept

    def started(self, service: Service) -> None:
        """Log the addresses."""
        device, level = service.device, NOTE if self._kept else None
        for what, state in device.snapshot().addresses():
            announce(f"{device.name} {what}: ", state, shown=self._shown, level=level)

    def ended(self, service: Service) -> None:
        """Log the totals; for a device that passed on nothing, only at -v."""
        device, last = service.device, service.device.snapshot()
        for flow in last.flows if self._kept else ():
            total(device.name, flow)
        if device.started:
            told = not self._shown and eventful(last, device.inside)
            said = ending(last, device.inside)
            log.log(NOTE if told else logging.INFO, "%s: %s", device.name, said)
