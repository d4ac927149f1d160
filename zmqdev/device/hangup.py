"""The end of a connection in detail: libzmq only reports that it ended.

A duplicate of each connection is kept until its end is told of: if the peer is still there
then, it was this end that hung up, and the bytes that went both ways tell how far its
handshake came. The peer sees the end when the duplicate is closed, a moment later; so none
may be kept where libzmq ends connections without a word.
"""

from __future__ import annotations

import resource
import select
import socket
import threading
from dataclasses import dataclass
from typing import ClassVar

from zmqdev.system.process_info import exchanged, silence

# A part of all descriptors: beyond it nothing is kept, and nothing is told.
SHARE = 0.25
# Well below the time after which a silent peer is hung up on, 15 s; a busy machine is late.
LATELY = 4.0
# The greeting of ZMTP 3 (RFC 23). libzmq sends 12 bytes of it to a peer of ZMTP 1.0 or 2.0, and
# 10 to one that sends no greeting at all.
GREETING, OLD_GREETING, SIGNATURE = 64, 12, 10
_GONE = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


@dataclass(frozen=True)
class HangupEnd:
    """`here`: this end hung up, on a peer that was still there and had just said something: one
    that is silent for too long is hung up on as well. `sent` and `received` are bytes, None
    where the system does not tell. `gone`: the peer has closed its end."""

    here: bool = False
    sent: int | None = None
    received: int | None = None
    gone: bool = False

    @property
    def visit(self) -> bool:
        """Whether the peer only looked if something listens: it said nothing and hung up. The
        kernel counts the end as a byte."""
        return self.gone and self.received in (0, 1)

    @property
    def old(self) -> bool:
        """Whether the peer spoke ZMTP 1.0 or 2.0, as far as it came."""
        if self.sent is None or self.received is None:
            return False
        return is_old(self.sent, self.received)


UNKNOWN = HangupEnd()


def is_old(sent: int, received: int) -> bool:
    """Whether bytes that went both ways are those of a peer before ZMTP 3.0: to one of 3.0 and
    later the whole greeting is sent once twelve bytes of its own have come."""
    if sent <= SIGNATURE:
        return received >= SIGNATURE
    return OLD_GREETING <= sent < GREETING and received > OLD_GREETING


class Hangups:
    """Duplicates by the descriptor of the connection. Any thread may let go of them; else they
    are used in one."""

    held = 0  # in the whole process
    _numbers: ClassVar[set[int]] = set()  # of the duplicates themselves
    _lock = threading.Lock()

    def __init__(self) -> None:
        self._kept: dict[int, socket.socket] = {}

    def opened(self, descriptor: int, copy: socket.socket) -> None:
        """Keep a duplicate of the connection that has this descriptor now."""
        self.forget(descriptor)
        # The lowest number that is free is given out, so it tells how many are in use.
        if copy.fileno() >= SHARE * resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
            copy.close()
            return
        with self._lock:
            self._kept[descriptor] = copy
            self._numbers.add(copy.fileno())
            Hangups.held += 1

    def ended(self, descriptor: int) -> HangupEnd:
        """How it did. Told once."""
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
        """Bytes sent and received so far; None where that is not told."""
        with self._lock:
            copy = self._kept.get(descriptor)
            return exchanged(copy) if copy is not None else None

    def let_go(self) -> None:
        """Keep none of those that are open now."""
        for descriptor in list(self._kept):
            self.forget(descriptor)

    def forget(self, descriptor: int) -> None:
        """It is kept no longer."""
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
        """Whether it is a duplicate of another connection: what had the number has ended."""
        with cls._lock:
            return descriptor in cls._numbers
