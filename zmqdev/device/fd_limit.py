"""File descriptors: a peer each. The soft limit is raised at start, and the rest is watched.

Out of them, libzmq's I/O thread spins at 98 % of a core and nobody gets in.
"""

from __future__ import annotations

import logging
import resource

from zmqdev.device.fd_room import in_use
from zmqdev.device.service import Service

log = logging.getLogger("zmqdev")
# Part of the limit at which a warning is said; it is said again only after it was below.
HIGH = 0.8
LOOK = 5.0


def raise_limit() -> int:
    """Raise the soft limit to the hard one; the limit that holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):  # some systems have a lower limit than they say
            return soft
    return hard


class Descriptors:
    """An attachment: raises the limit, and warns when few are left."""

    def __init__(self) -> None:
        self._limit = raise_limit()
        self._warned = False

    def started(self, service: Service) -> None:
        service.loop.every(LOOK, self.look)

    def ended(self, service: Service) -> None:
        """Nothing is held."""

    def look(self) -> None:
        """Warn once each time that use climbs over the mark."""
        used = in_use()
        if used is None:
            return
        high = used >= HIGH * self._limit
        if high and not self._warned:
            log.warning(
                "%d of %d file descriptors are in use; raise `ulimit -n`, "
                "or lower limits.connections",
                used,
                self._limit,
            )
        self._warned = high
