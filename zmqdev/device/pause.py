"""Finding the moment at which a sender is between two messages, by its byte counts.

libzmq writes the queue of a connection in batches of 8192 bytes, cut where they are full. The rest
of a cut message is lost with the connection. The last batch before the queue is empty is shorter,
and ends with a message. So a pause is a good moment when the bytes since the pause before are no
multiple of a batch; after only full batches the sender just did not get to run. A sender that sends
less than a batch in a millisecond, and again in another, has an empty queue each time. A sender
that found no room has written a part of a batch, and sends the rest of it first, so its first short
piece, and its first pause, prove nothing.

No socket, no clock: the bytes are counted by the system (TCP_INFO), and time is an argument.
"""

from __future__ import annotations

BATCH = 8192
# Seconds of a look; and without a byte, after which nothing is under way, whatever came before.
SLICE, LONG_PAUSE = 0.001, 0.02
# The assumed bytes of a message where the system counts none, as over ipc. It is more than most
# have, so that a batch of small messages is not taken for less than a batch.
TYPICAL = 160


class SenderPause:
    """The pauses of one connection, looked at repeatedly from `now` on (monotonic seconds).

    `exact`: its bytes are counted. Otherwise only a long pause is a good moment.
    """

    def __init__(self, came: int, now: float, *, exact: bool = True) -> None:
        self._exact = exact
        self._came, self._looked_at, self._moved_at = came, now, now
        self._since_pause = 0
        self._short = 0  # number of short pieces since the last long one
        self._known = False  # the last pause was at the end of a batch

    def look(self, came: int, unread: int, now: float) -> bool:
        """Return whether this is such a moment.

        `came` is the bytes so far, `unread` those of them that are in the system's buffer.
        """
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
