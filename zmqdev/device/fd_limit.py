"""The limit of file descriptors: it is raised at the start, and the use is watched.

Each peer needs one. Without any left, libzmq's I/O thread spins at 98 % of a core and accepts no
peer.
"""

from __future__ import annotations

import logging
import resource

from zmqdev.device.fd_room import in_use
from zmqdev.device.service import Service

log = logging.getLogger("zmqdev")
# Share of the limit at which a warning is logged; again only after the use was below it.
HIGH = 0.8
LOOK = 5.0


def raise_limit() -> int:
    """Raise the soft limit to the hard one; return the limit that holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):  # the limit of some systems is lower than they report
            return soft
    return hard


class Descriptors:
    """An attachment that raises the limit, and warns when few descriptors are left."""

    def __init__(self) -> None:
        self._limit = raise_limit()
        self._warned = False

    def started(self, service: Service) -> None:
        """Look at the use regularly."""
        service.loop.every(LOOK, self.look)

    def ended(self, service: Service) -> None:
        """Do nothing: there is nothing to release."""

    def look(self) -> None:
        """Warn each time when the use rises above the mark."""
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
