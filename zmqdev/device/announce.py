"""What is bound and connected, told at the start: at -v, and without it a port that the system
chose, for nobody could know it otherwise."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from zmqdev.stats.snapshot import AddressState

if TYPE_CHECKING:
    from zmqdev.device.service import Service

log = logging.getLogger("zmqdev")
# Told without -v, though nothing is wrong.
NOTE = logging.WARNING + 1
logging.addLevelName(NOTE, "NOTE")


def announce(who: str, state: AddressState, *, shown: bool = False) -> None:
    """A line. `who` leads it, like `queue frontend: `; `shown`: it can be seen elsewhere."""
    chosen = bool(state.asked) and _port(state.asked) != _port(state.actual)
    level = NOTE if chosen and not shown else logging.INFO
    log.log(level, "%s%s %s", who, state.verb, state.actual)


def _port(address: str) -> str:
    """The path of a local address."""
    return address.rpartition(":")[2]


class Announcement:
    """An attachment, to be started after all that has an address. `shown`: a live view has them."""

    def __init__(self, *, shown: bool = False) -> None:
        self._shown = shown

    def started(self, service: Service) -> None:
        for what, state in service.device.snapshot().addresses():
            announce(f"{service.device.name} {what}: ", state, shown=self._shown)

    def ended(self, service: Service) -> None:
        """There is no more to tell."""
