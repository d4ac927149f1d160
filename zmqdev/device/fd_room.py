"""The number of connections that the file descriptor limit allows."""

from __future__ import annotations

import errno
import os
import resource

from zmqdev.device.hangup import Hangups

# Descriptors for the control socket, its peers, files, and connections not counted yet.
RESERVE = 64
# The part of the reserve that is for peers of a control socket.
CONTROL_PEERS = 32


def in_use() -> int | None:
    """Return how many descriptors are open; None where the system does not show it."""
    for directory in ("/proc/self/fd", "/dev/fd"):
        try:
            return len(os.listdir(directory))
        except OSError as error:
            if error.errno == errno.EMFILE:  # the listing itself needs a descriptor
                return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None


class DescriptorRoom:
    """How many connections a side may have: its part of the descriptors that are free.

    From the limit, the descriptors open before and a reserve are subtracted; the rest is divided
    among `sides`. It is computed at each call, since the limit of a running process can change.
    """

    def __init__(self, sides: int) -> None:
        self._sides = max(1, sides)
        self._before = in_use() or RESERVE

    def __call__(self) -> int:
        """Return how many connections the side may have."""
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if limit == resource.RLIM_INFINITY:
            return 0
        left = limit - self._before - Hangups.held - max(RESERVE, limit // 8)
        return max(1, left // self._sides)
