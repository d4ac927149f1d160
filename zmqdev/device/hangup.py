"""How a connection ended, in detail, since libzmq only reports that it ended.

A duplicate of each connection is kept until its end is reported. If the peer is still there then,
this end hung up, and the bytes sent and received show how far the handshake came. The peer sees the
end only when the duplicate is closed, a moment later. So no duplicate may be kept where libzmq ends
connections without reporting it.
"""

from __future__ import annotations

import resource
import select
import socket
import threading
from dataclasses import dataclass
from typing import ClassVar

from zmqdev.system.process_info import exchanged, silence

# Share of all descriptors above which no duplicate is kept, so that nothing is known.
SHARE = 0.25
# Seconds; well below 15 s, after which a silent peer is hung up on, as a busy machine may be late.
LATELY = 4.0
# The greeting of ZMTP 3 (RFC 23). libzmq sends 12 bytes of it to a peer of ZMTP 1.0 or 2.0, and
# 10 to one that sends no greeting at all.
GREETING, OLD_GREETING, SIGNATURE = 64, 12, 10
_GONE = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


@dataclass(frozen=True)
class HangupEnd:
    """How a connection ended.

    `here`: this end hung up, while the peer was still there and had sent something recently. (A
    peer that is silent for too long is hung up on as well.) `sent` and `received` are bytes, None
    where the system does not count them. `gone`: the peer has closed its end.
    """

    here: bool = False
    sent: int | None = None
    received: int | None = None
    gone: bool = False

    @property
    def visit(self) -> bool:
        """Whether the peer only checked that something listens: it sent nothing and hung up.

        The kernel counts the end of the stream as a byte.
        """
        return self.gone and self.received in (0, 1)

    @property
    def old(self) -> bool:
        """Whether the peer used ZMTP 1.0 or 2.0, judged by how far the handshake came."""
        if self.sent is None or self.received is None:
            return False
        return is_old(self.sent, self.received)


UNKNOWN = HangupEnd()


def is_old(sent: int, received: int) -> bool:
    """Return whether the bytes sent and received are those of a peer before ZMTP 3.0.

    A peer of 3.0 or later is sent the whole greeting once twelve bytes of its own have come.
    """
    if sent <= SIGNATURE:
        return received >= SIGNATURE
    return OLD_GREETING <= sent < GREETING and received > OLD_GREETING


class Hangups:
    """Duplicates by the descriptor of the connection.

    Any thread may call `let_go`; everything else is used in one thread.
    """

    held = 0  # in the whole process
    _numbers: ClassVar[set[int]] = set()  # of the duplicates themselves
    _lock = threading.Lock()

    def __init__(self) -> None:
        self._kept: dict[int, socket.socket] = {}

    def opened(self, descriptor: int, copy: socket.socket) -> None:
        """Keep a duplicate of the connection that has this descriptor now."""
        self.forget(descriptor)
        # The system gives out the lowest free number, so it shows how many are in use.
        if copy.fileno() >= SHARE * resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
            copy.close()
            return
        with self._lock:
            self._kept[descriptor] = copy
            self._numbers.add(copy.fileno())
            Hangups.held += 1

    def ended(self, descriptor: int) -> HangupEnd:
        """Return how a connection ended, once."""
        copy = self._release(descriptor)
        if copy is None:
            return UNKNOWN
        with copy:
            poller = select.poll()
            poller.register(copy, _GONE)
            gone = bool(poller.poll(0))
            here = not gone and silence(copy.fileno()) < LATELY
            sent, received = exchanged(copy) or (None, None)
            return HangupEnd(here, sent, received, gone)

    def exchanged(self, descriptor: int) -> tuple[int, int] | None:
        """Return the bytes sent and received so far; None where they are not counted."""
        with self._lock:
            copy = self._kept.get(descriptor)
            return exchanged(copy) if copy is not None else None

    def let_go(self) -> None:
        """Close the duplicates of all connections that are open now."""
        for descriptor in list(self._kept):
            self.forget(descriptor)

    def forget(self, descriptor: int) -> None:
        """Close the duplicate of a connection."""
        copy = self._release(descriptor)
        if copy is not None:
            copy.close()

    def _release(self, descriptor: int) -> socket.socket | None:
        with self._lock:
            copy = self._kept.pop(descriptor, None)
            if copy is not None:
                self._numbers.discard(copy.fileno())
                Hangups.held -= 1
            return copy

    @classmethod
    def owns(cls, descriptor: int) -> bool:
        """Return whether a descriptor is a duplicate; the connection with that number has ended."""
        with cls._lock:
            return descriptor in cls._numbers
