"""Replies for clients that do not read: kept in order for a while, within limits.

A ROUTER refuses a message when its peer's pipe is full. What was refused, and
what comes for that client after it, waits here and is tried again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from zmqdev.broker.cost import cost

# Seconds between two tries while a client does not read, and replies a try.
RETRY = 0.02
PORTION = 256

Message = list[bytes]


class UnreadReplies:
    """What waits for one client. `since` is when it last took something."""

    __slots__ = ("messages", "since", "size", "tried")

    def __init__(self, now: float) -> None:
        self.messages: deque[Message] = deque()
        self.size = 0
        self.since = now
        self.tried = 0  # how many the last release gave out

    def append(self, message: Message) -> None:
        self.messages.append(message)
        self.size += cost(message)

    def put_back(self, messages: list[Message], now: float) -> None:
        """Refused again. What is here came after: it was held back while these were tried."""
        if len(messages) < self.tried:
            self.since = now
        self.messages.extendleft(reversed(messages))
        self.size += sum(map(cost, messages))

    def take(self, limit: int) -> list[Message]:
        taken = [self.messages.popleft() for _ in range(min(limit, len(self.messages)))]
        self.size -= sum(map(cost, taken))
        self.tried = len(taken)
        return taken

    def shorten(self, most: int, most_bytes: int) -> int:
        """Drop the newest above the limits: how many."""
        dropped = 0
        while self.messages and (len(self.messages) > most or self.size > most_bytes):
            self.drop()
            dropped += 1
        return dropped

    def drop(self) -> int:
        """Drop the newest: its size."""
        freed = cost(self.messages.pop())
        self.size -= freed
        return freed


class Overflow:
    """`most` replies and `most_bytes` for each client; `patience` in seconds."""

    def __init__(self, most: int, most_bytes: int, patience: float) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._patience = patience
        self._backlogs: dict[bytes, UnreadReplies] = {}
        self.retry_at = 0.0
        self.dropped = 0
        self.size = 0  # what all that waits costs
        self._losers: set[bytes] = set()

    def __len__(self) -> int:
        return sum(len(backlog.messages) for backlog in self._backlogs.values())

    def __bool__(self) -> bool:
        return bool(self._backlogs)

    def refuse(self, messages: list[Message], now: float) -> None:
        """Keep these messages of one client."""
        identity = messages[0][0]
        backlog = self._backlogs.get(identity)
        if backlog is None:
            backlog = self._backlogs[identity] = UnreadReplies(now)
        before = backlog.size
        backlog.put_back(messages, now)
        self._lost(identity, backlog.shorten(self._most, self._most_bytes))
        self.size += backlog.size - before
        self.retry_at = now + RETRY

    def hold_back(self, messages: list[Message]) -> list[Message]:
        """Keep the messages of clients that have some waiting; returns the others."""
        free = []
        for message in messages:
            backlog = self._backlogs.get(message[0])
            if backlog is None:
                free.append(message)
            else:
                before = backlog.size
                backlog.append(message)
                self._lost(message[0], backlog.shorten(self._most, self._most_bytes))
                self.size += backlog.size - before
        return free

    def release(self, now: float) -> list[Message]:
        """What is worth another try now. A backlog stays until all of it was taken."""
        if now < self.retry_at:
            return []
        released: list[Message] = []
        for identity, backlog in list(self._backlogs.items()):
            if now - backlog.since > self._patience:
                self._lost(identity, self.forget(identity))
            elif not backlog.messages:
                del self._backlogs[identity]
            else:
                self.size -= backlog.size
                released += backlog.take(PORTION)
                self.size += backlog.size
        return released

    def sizes(self) -> Iterable[tuple[bytes, int]]:
        """(client, what waits for it)"""
        return [(identity, backlog.size) for identity, backlog in self._backlogs.items()]

    def shed(self, identity: bytes) -> int:
        """Drop the newest that waits for a client: its size, 0 when none does."""
        backlog = self._backlogs.get(identity)
        if backlog is None or not backlog.messages:
            return 0
        self._lost(identity, 1)
        freed = backlog.drop()
        self.size -= freed
        return freed

    def _lost(self, identity: bytes, messages: int) -> None:
        if messages:
            self.dropped += messages
            self._losers.add(identity)

    def take_losers(self) -> set[bytes]:
        """Clients that lost replies since the last call."""
        losers, self._losers = self._losers, set()
        return losers

    def has(self, identity: bytes) -> bool:
        """Whether something waits for a client."""
        return identity in self._backlogs

    def forget(self, identity: bytes) -> int:
        """Drop what waits for a client: how many messages."""
        backlog = self._backlogs.pop(identity, None)
        if backlog is None:
            return 0
        self.size -= backlog.size
        return len(backlog.messages)
