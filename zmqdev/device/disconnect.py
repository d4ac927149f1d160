"""Noticing connections that this program has closed, since libzmq does not report them.

After a disconnect no event names the descriptors that were closed. Each connection is known by the
inode of its socket, because its number is soon used again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from zmqdev.device.peers import PeerWatch
from zmqdev.device.tally import PeerEvent
from zmqdev.system.descriptor import inode_of
from zmqdev.system.loop import Loop

# Seconds after a disconnect at which to look. Unsent messages linger for a while first. It is
# unknown which connections will end, since the address may be a name.
LOOKS = (0.05, 0.5, 2.0, 6.0, 15.0, 60.0)


class Leaving:
    """A disconnect. Make it before the disconnect, in the thread that drains the monitor."""

    def __init__(self, watch: PeerWatch, tell: Callable[[PeerEvent], Any]) -> None:
        self._watch, self._tell = watch, tell
        watch.let_go()
        self._inodes = {fd: inode_of(fd) for fd in watch.connections()}

    def begin(self, loop: Loop) -> None:
        """Plan the looks."""
        now = time.monotonic()
        for pause in LOOKS:
            loop.at(now + pause, self.look)

    def look(self) -> None:
        """Count the connections that have ended without an event."""
        if self._watch.pair.closed:
            return
        self._watch.drain(self._tell)
        for descriptor in self._watch.connections():
            inode = self._inodes.get(descriptor)
            if inode is not None and inode_of(descriptor) != inode:
                del self._inodes[descriptor]
                self._tell(self._watch.gone(descriptor))
