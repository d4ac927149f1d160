"""The number of connections that the file descriptor limit allows."""

from __future__ import annotations

import errno
import os
import resource

from zmqdev.device.hangup import Hangups

# Left for the control socket, its peers, files, and connections that are not counted yet.
RESERVE = 64
# Of it, for peers of a control socket.
CONTROL_PEERS = 32


def in_use() -> int | None:
    """Descriptors open now; None where the system does not show them."""
    for directory in ("/proc/self/fd", "/dev/fd"):
        try:
            return len(os.listdir(directory))
        except OSError as error:
            if error.errno == errno.EMFILE:  # to look takes one
                return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None


class DescriptorRoom:
    """How many connections a side may have: what the limit leaves, after what was open before
    and a reserve for all else, in equal parts for `sides`. Asked each time, for the limit of a
    running process can be changed."""

    def __init__(self, sides: int) -> None:
        self._sides = max(1, sides)
        self._before = in_use() or RESERVE

    def __call__(self) -> int:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if limit == resource.RLIM_INFINITY:
            return 0
        left = limit - self._before - Hangups.held - max(RESERVE, limit // 8)
        return max(1, left // self._sides)
