"""What is bound and connected, told at the start: at -v, and without it a port that the system
chose, for nobody could know it otherwise. The journal of systemd gets all of it, and at the end
the totals: a service has no other place for them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from zmqdev.stats.ending import ending, eventful
from zmqdev.stats.snapshot import AddressState, Flow

if TYPE_CHECKING:
    from zmqdev.device.service import Service

log = logging.getLogger("zmqdev")
# Told without -v, though nothing is wrong.
NOTE = logging.WARNING + 1
logging.addLevelName(NOTE, "NOTE")


def announce(
    who: str, state: AddressState, *, shown: bool = False, level: int | None = None
) -> None:
    """A line. `who` leads it, like `queue frontend: `; `shown`: it can be seen elsewhere."""
    chosen = bool(state.asked) and _port(state.asked) != _port(state.actual)
    if level is None:
        level = NOTE if chosen and not shown else logging.INFO
    log.log(level, "%s%s %s", who, state.verb, state.actual)


def _port(address: str) -> str:
    """The path of a local address."""
    return address.rpartition(":")[2]


def total(name: str, flow: Flow) -> None:
    """A line at the end of a direction."""
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
    """An attachment, to be started after all that has an address. `shown`: a live view has them.
    `kept`: the lines go to the journal."""

    def __init__(self, *, shown: bool = False, kept: bool = False) -> None:
        self._shown, self._kept = shown, kept

    def started(self, service: Service) -> None:
        device, level = service.device, NOTE if self._kept else None
        for what, state in device.snapshot().addresses():
            announce(f"{device.name} {what}: ", state, shown=self._shown, level=level)

    def ended(self, service: Service) -> None:
        """What became of the messages. A device that did nothing has it at -v."""
        device, last = service.device, service.device.snapshot()
        for flow in last.flows if self._kept else ():
            total(device.name, flow)
        if device.started:
            told = not self._shown and eventful(last, device.inside)
            said = ending(last, device.inside)
            log.log(NOTE if told else logging.INFO, "%s: %s", device.name, said)
