"""A queue of passwords to hash in a separate thread, 40 ms each.

Meanwhile the handler's thread answers everything else: keys, addresses, passwords known
to be right. One hash at a time is enough for the permitted rate of wrong passwords. A
limited number may wait; requests whose peer has given up its handshake are discarded.
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
# Most that wait: their hashes take less time than a handshake may.
MOST_WAITING = 64
# Seconds after which libzmq disconnects the peer (HANDSHAKE_IVL).
HANDSHAKE = 5.0
# Seconds that the end waits for the present hash.
PATIENCE = 5.0


@dataclass(frozen=True)
class Question:
    """A password to check. `since` is when it was asked, in monotonic seconds."""

    domain: str
    request: ZapRequest
    users: Users
    since: float


# The question, and whether the password is right; None: the check itself failed.
Answered = tuple[Question, bool | None]


class Hashing:
    """Hashes passwords. Its owner polls `fileno`, then takes `answers`."""

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
        """Return the descriptor that is readable when answers have come."""
        return self._rung.fileno()

    def put(self, question: Question) -> bool:
        """Queue a question; return False when too many wait."""
        if len(self._waiting) >= MOST_WAITING:
            return False
        self._waiting.append(question)
        return True

    def answers(self) -> list[Answered]:
        """Return the answers that have come."""
        try:
            rung = self._rung.recv(MOST_WAITING)
        except BlockingIOError:
            return []
        self._busy = False
        return [self._done.get() for _ in rung]  # an answer is queued before its byte is sent

    def go_on(self, now: float, still: Callable[[Question], bool]) -> None:
        """Hash the next question whose peer still waits and for which `still` returns True."""
        while self._waiting and not self._busy:
            question = self._waiting.popleft()
            if now - question.since < HANDSHAKE and still(question):
                self._busy = True
                self._jobs.put(question)

    def close(self) -> None:
        """End the thread; waiting questions get no answer."""
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
