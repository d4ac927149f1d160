"""Which of the two ends hung up: libzmq tells only that a connection ended.

It hangs up on a peer whose frame is too large before it has read the frame. To see that, a
duplicate of each connection is kept until its end is told of: if the peer is still there
then, it was this end. The peer sees the end when the duplicate is closed, a moment later;
so none may be kept where libzmq ends connections without a word.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select

from zmqdev.system.process_info import silence

# A part of all descriptors: beyond it nothing is kept, and nothing is told.
SHARE = 0.5
# Well below the time after which a silent peer is hung up on, 15 s; a busy machine is late.
LATELY = 4.0
_GONE = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


class Hangups:
    """Duplicates by the descriptor of the connection. Used in one thread."""

    def __init__(self) -> None:
        self._kept: dict[int, int] = {}

    def opened(self, descriptor: int) -> None:
        self._forget(descriptor)
        with contextlib.suppress(OSError):
            copy = os.dup(descriptor)
            # The lowest number that is free is given out, so it tells how many are in use.
            if copy < SHARE * resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
                self._kept[descriptor] = copy
            else:
                os.close(copy)

    def ended(self, descriptor: int) -> bool:
        """Whether this end hung up, on a peer that was still there and had just said something:
        one that is silent for too long is hung up on as well."""
        copy = self._kept.get(descriptor)
        if copy is None:
            return False
        poller = select.poll()
        poller.register(copy, _GONE)
        try:
            return not poller.poll(0) and silence(copy) < LATELY
        finally:
            self._forget(descriptor)

    def let_go(self) -> None:
        """Keep none of those that are open now."""
        for descriptor in list(self._kept):
            self._forget(descriptor)

    def _forget(self, descriptor: int) -> None:
        copy = self._kept.pop(descriptor, None)
        if copy is not None:
            os.close(copy)
