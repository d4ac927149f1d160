"""A queue of passwords to be hashed in a thread of its own, 40 ms each.

The handler's thread answers all else meanwhile: keys, addresses, passwords that are known to be
right. One hash at a time is enough for the rate that wrong ones may come at; so many may wait,
and those whose peer has given up its handshake by then are forgotten.
"""

from __future__ import annotations

import logging
import queue
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from zmqdev.security.passwords import Users
from zmqdev.wire.zap import ZapRequest

log = logging.getLogger("zmqdev.security")
# Those that wait: together they take less time than a handshake may.
MOST_WAITING = 64
# Seconds after which libzmq has hung up on the peer (HANDSHAKE_IVL).
HANDSHAKE = 5.0
# Seconds for which the end waits for the hash that is being made.
PATIENCE = 5.0


@dataclass(frozen=True)
class Question:
    """One password. `since` is when it was asked, monotonic seconds."""

    domain: str
    request: ZapRequest
    users: Users
    since: float


# Whether the password is right; None: it could not be found out, a mistake of ours.
Answered = tuple[Question, bool | None]


class Hashing:
    """Used by one thread, which waits until `fileno` is readable and then takes `answers`."""

    def __init__(self) -> None:
        self._waiting: deque[Question] = deque()
        self._busy = False
        self._jobs: queue.SimpleQueue[Question | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Answered] = queue.SimpleQueue()
        self._bell, self._rung = socket.socketpair()
        self._rung.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="hashing", daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        return self._rung.fileno()

    def put(self, question: Question) -> bool:
        """Let a question wait for its turn; False when too many do."""
        if len(self._waiting) >= MOST_WAITING:
            return False
        self._waiting.append(question)
        return True

    def answers(self) -> list[Answered]:
        """Those that have come."""
        try:
            rung = self._rung.recv(MOST_WAITING)
        except BlockingIOError:
            return []
        self._busy = False
        return [self._done.get() for _ in rung]  # each is there before the bell rings

    def go_on(self, now: float, still: Callable[[Question], bool]) -> None:
        """Hash the next one whose peer is still there and for which `still` says so."""
        while self._waiting and not self._busy:
            question = self._waiting.popleft()
            if now - question.since < HANDSHAKE and still(question):
                self._busy = True
                self._jobs.put(question)

    def close(self) -> None:
        """End the thread; what waits has no answer."""
        self._jobs.put(None)
        self._thread.join(PATIENCE)
        self._bell.close()
        self._rung.close()

    def _run(self) -> None:
        while (question := self._jobs.get()) is not None:
            self._done.put((question, _is_right(question)))
            self._bell.send(b"\0")


def _is_right(question: Question) -> bool | None:
    name, password = question.request.user, question.request.credentials[1]
    try:
        return question.users.verify(name, password)
    except Exception:
        log.exception("a password could not be checked")
        return None
