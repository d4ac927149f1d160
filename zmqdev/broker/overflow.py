"""Replies for clients that do not read: kept in order for a while, within limits.

A ROUTER refuses a message when its peer's pipe is full. Refused messages, and later ones for the
same client, wait here and are tried again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from zmqdev.broker.cost import cost

# Seconds between two attempts while a client does not read, and replies per attempt.
RETRY = 0.02
PORTION = 256

Message = list[bytes]


class UnreadReplies:
    """The messages that wait for one client. `since` is when it last took some."""

    __slots__ = ("messages", "since", "size", "tried")

    def __init__(self, now: float) -> None:
        self.messages: deque[Message] = deque()
        self.size = 0
        self.since = now
        self.tried = 0  # number of messages in the last release

    def append(self, message: Message) -> None:
        """Add a message."""
        self.messages.append(message)
        self.size += cost(message)

    def put_back(self, messages: list[Message], now: float) -> None:
        """Put back refused messages before those that were held back while these were tried."""
        if len(messages) < self.tried:
            self.since = now
        self.messages.extendleft(reversed(messages))
        self.size += sum(map(cost, messages))

    def take(self, limit: int) -> list[Message]:
        """Take at most `limit` messages for another attempt."""
        taken = [self.messages.popleft() for _ in range(min(limit, len(self.messages)))]
        self.size -= sum(map(cost, taken))
        self.tried = len(taken)
        return taken

    def shorten(self, most: int, most_bytes: int) -> int:
        """Drop the newest messages above the limits; return how many."""
        dropped = 0
        while self.messages and (len(self.messages) > most or self.size > most_bytes):
            self.drop()
            dropped += 1
        return dropped

    def drop(self) -> int:
        """Drop the newest message; return its size."""
        freed = cost(self.messages.pop())
        self.size -= freed
        return freed


class Overflow:
    """The waiting replies of all clients.

    `most` replies and `most_bytes` are kept for each client; `patience` is in seconds.
    """

    def __init__(self, most: int, most_bytes: int, patience: float) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._patience = patience
        self._backlogs: dict[bytes, UnreadReplies] = {}
        self.retry_at = 0.0
        self.dropped = 0
        self.size = 0  # the cost of all waiting messages
        self._losers: set[bytes] = set()

    def __len__(self) -> int:
        """Return how many messages wait."""
        return sum(len(backlog.messages) for backlog in self._backlogs.values())

    def __bool__(self) -> bool:
        """Return whether any client has messages waiting."""
        return bool(self._backlogs)

    def refuse(self, messages: list[Message], now: float) -> None:
        """Keep refused messages of one client."""
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
        """Keep the messages of clients that have some waiting; return the others."""
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
        """Return the messages to try again now.

        A client stays here until it has taken all of its messages.
        """
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
        """Return (client, size of its waiting messages)."""
        return [(identity, backlog.size) for identity, backlog in self._backlogs.items()]

    def shed(self, identity: bytes) -> int:
        """Drop the newest message for a client; return its size, 0 when there is none."""
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
        """Return the clients that lost replies since the last call."""
        losers, self._losers = self._losers, set()
        return losers

    def has(self, identity: bytes) -> bool:
        """Return whether messages wait for a client."""
        return identity in self._backlogs

    def forget(self, identity: bytes) -> int:
        """Drop the messages for a client; return how many."""
        backlog = self._backlogs.pop(identity, None)
        if backlog is None:
            return 0
        self.size -= backlog.size
        return len(backlog.messages)
