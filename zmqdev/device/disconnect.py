"""Connections closed by this program: libzmq reports nothing of them, so they are watched.

After a disconnect no event names the descriptors that were closed. Each is known by the inode of
its socket, because its number is soon used again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from zmqdev.device.peers import PeerWatch
from zmqdev.device.tally import PeerEvent
from zmqdev.system.descriptor import inode_of
from zmqdev.system.loop import Loop

# Seconds after a disconnect at which is looked. What was not sent lingers for a while first, and
# which connections are to go is not known: the address may be a name.
LOOKS = (0.05, 0.5, 2.0, 6.0, 15.0, 60.0)


class Leaving:
    """To be made before the disconnect, in the thread that drains the monitor."""

    def __init__(self, watch: PeerWatch, tell: Callable[[PeerEvent], Any]) -> None:
        self._watch, self._tell = watch, tell
        watch.let_go()
        self._inodes = {fd: inode_of(fd) for fd in watch.connections()}

    def begin(self, loop: Loop) -> None:
        now = time.monotonic()
        for pause in LOOKS:
            loop.at(now + pause, self.look)

    def look(self) -> None:
        """Count the connections that have gone without an event."""
        if self._watch.pair.closed:
            return
        self._watch.drain(self._tell)
        for descriptor in self._watch.connections():
            inode = self._inodes.get(descriptor)
            if inode is not None and inode_of(descriptor) != inode:
                del self._inodes[descriptor]
                self._tell(self._watch.gone(descriptor))
