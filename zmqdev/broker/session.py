"""A worker's conversation with its broker. Pure; time is an argument.

The states: closed; open after READY was sent; closed again after DISCONNECT or silence, and so on
until the worker leaves. `generation` is increased at each end. The owner of the socket then makes a
new connection, since a broker knows a worker by its connection. A session that still works on a
request does not open again before that is done, as a worker has one request at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

from zmqdev.options.reliable import LIVENESS
from zmqdev.wire.dialect import Dialect, DialectVerb

CLOSED, OPEN, LEFT = "closed", "open", "left"
# Seconds before a conversation is begun again, doubling up to the last. (RFC 6: 1 to 32; the first
# is shorter here because a broker that sends DISCONNECT is running.)
FIRST_PAUSE, LAST_PAUSE = 0.1, 32.0


class Session:
    """A conversation. `outbox` has the messages to send; the sender takes them from the left."""

    def __init__(self, dialect: Dialect, service: bytes, heartbeat: float, now: float) -> None:
        self.dialect = dialect
        self.service = service
        self.interval = dialect.pace(heartbeat)
        self.state = CLOSED
        self.generation = 0
        self.outbox: list[list[bytes]] = []
        self.busy = 0
        self.malformed = 0
        self.stale = 0
        self._leaving = False
        self._pause = FIRST_PAUSE
        self._open_at = now
        self._heard = now
        self._sent = now

    @property
    def has_left(self) -> bool:
        """Whether nothing more will come but the outbox."""
        return self.state == LEFT

    def receive(
        self, frames: Sequence[bytes], now: float
    ) -> tuple[list[bytes], list[bytes]] | None:
        """Handle a message; return (address frames to return, body) of a request, otherwise
        None."""
        if self.state != OPEN:
            return None  # it belongs to a conversation that has ended
        verb = self.dialect.verb_of(frames, 0, DialectVerb.REQUEST)
        if verb is DialectVerb.DISCONNECT:
            self._lose(now)
            return None
        if verb not in (DialectVerb.REQUEST, DialectVerb.HEARTBEAT):
            self.malformed += 1
            return None
        self._heard = now
        self._pause = FIRST_PAUSE
        if verb is DialectVerb.HEARTBEAT:
            return None
        self.busy += 1
        at = self.dialect.body_after
        return list(frames[at - 2 : at]), list(frames[at:])

    def finish(
        self, generation: int, address: Sequence[bytes], body: Sequence[bytes], now: float
    ) -> bool:
        """Reply to a request of that generation; return False when nothing waits for the reply."""
        self.busy -= 1
        current = self.state == OPEN and generation == self.generation
        if current:
            self._say(now, DialectVerb.FINAL, *address, *body)
        else:
            self.stale += 1
        if self._leaving and not self.busy:
            self._leave(now)
        return current

    def tick(self, now: float) -> None:
        """Open, send heartbeats, or give up a silent broker."""
        if self.outbox:
            # The connection is down, nothing can be sent, and libzmq reconnects: not a silence.
            self._heard = now
        if self.state == CLOSED and not self.busy and now >= self._open_at:
            self._open(now)
        elif self.state == OPEN and now - self._heard > LIVENESS * self.interval:
            self._lose(now)
        elif self.state == OPEN and now - self._sent >= self.interval and not self.outbox:
            self._say(now, DialectVerb.HEARTBEAT)

    def deadline(self) -> float:
        """Return when `tick` is due."""
        if self.state == OPEN:
            return min(self._sent + self.interval, self._heard + LIVENESS * self.interval)
        return self._open_at if self.state == CLOSED and not self.busy else float("inf")

    def stop(self, now: float) -> None:
        """Finish the current request, take no more, then disconnect."""
        self._leaving = True
        if not self.busy:
            self._leave(now)

    def _open(self, now: float) -> None:
        self.state = OPEN
        self._heard = now
        carried = [self.service] if self.dialect.has_service else []
        self.outbox.clear()
        self._say(now, DialectVerb.READY, *carried)

    def _lose(self, now: float) -> None:
        self.state = CLOSED
        self.generation += 1
        self.outbox.clear()
        self._open_at = now + self._pause
        self._pause = min(self._pause * 2, LAST_PAUSE)
        if self._leaving and not self.busy:
            self.state = LEFT

    def _leave(self, now: float) -> None:
        if self.state == OPEN and self.dialect.knows(DialectVerb.DISCONNECT):
            self._say(now, DialectVerb.DISCONNECT)
        self.state = LEFT

    def _say(self, now: float, verb: DialectVerb, *carried: bytes) -> None:
        self._sent = now
        self.outbox.append(self.dialect.frames(verb, *carried))
