"""The moment at which a sender is between two messages, found by its byte counts.

libzmq writes what waits in a connection's queue in batches of 8192 bytes, cut where they are full;
the rest of a cut message is lost with the connection. The last batch before the queue is empty is
shorter, and ends with a message. So a pause is a good moment when what came since the one before
is no multiple of a batch; after full batches alone the sender is only kept from running. One that
sends less than a batch in a millisecond, and again in another, has an empty queue each time.

A sender that found no room has written a part of a batch, and the rest of it comes first: the
first short piece, and the first pause, tell nothing.

No socket, no clock: what came is counted by the system (TCP_INFO), and time is an argument.
"""

from __future__ import annotations

BATCH = 8192
# Seconds of one look, and without a byte: then nothing is under way, whatever came before.
SLICE, LONG_PAUSE = 0.001, 0.02
# What a message is taken for where the system counts no bytes, as over ipc: more than most have,
# so that one batch of small messages is not taken for less.
TYPICAL = 160


class SenderPause:
    """Of one connection, looked at again and again from `now` on (monotonic seconds). `exact`: its
    bytes are counted; else a pause tells nothing, unless it is long."""

    def __init__(self, came: int, now: float, *, exact: bool = True) -> None:
        self._exact = exact
        self._came, self._looked_at, self._moved_at = came, now, now
        self._since_pause = 0
        self._short = 0  # short pieces since the last long one
        self._known = False  # the last pause was at the end of a batch

    def look(self, came: int, unread: int, now: float) -> bool:
        """Whether this is such a moment. `came`: bytes so far; `unread`: of them, those in the
        system's buffer."""
        if now - self._looked_at < SLICE:
            return False
        piece, self._came, self._looked_at = came - self._came, came, now
        if piece:
            self._moved_at = now
            return self._moved(piece) and not unread
        return self._paused() or now - self._moved_at >= LONG_PAUSE

    def _moved(self, piece: int) -> bool:
        self._since_pause += piece
        self._short = self._short + 1 if piece < BATCH else 0
        return self._short > 1

    def _paused(self) -> bool:
        moved, self._since_pause = self._since_pause, 0
        if not moved:
            return False
        known, self._known = self._known, self._known or moved >= BATCH
        return known and self._exact and moved % BATCH > 0
