"""One look a second, made once and handed to every viewer: a hundred cost what one costs.

Each viewer has a thread that waits for the next state; a viewer that does not read loses
states, not others' time. `MOST` viewers at once, and the next one is told so.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence

from zmqdev.report.page.state import History, WarningLog, state
from zmqdev.stats.snapshot import Snapshot

log = logging.getLogger("zmqdev")
EVERY = 1.0
MOST = 100


class Broadcast:
    """`start`, then `next_after` in any thread, then `stop`."""

    def __init__(self, take: Callable[[], Sequence[Snapshot]], picture: str = "") -> None:
        self._take, self._picture = take, picture
        self._history, self.warnings = History(), WarningLog()
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._number, self._text = 0, ""
        self._viewers = 0

    def start(self) -> None:
        log.addHandler(self.warnings)
        self._look()
        threading.Thread(target=self._loop, name="zmqdev-page", daemon=True).start()

    def stop(self) -> None:
        log.removeHandler(self.warnings)
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()

    @property
    def text(self) -> str:
        """The newest state as JSON."""
        return self._text

    def next_after(self, number: int) -> tuple[int, str] | None:
        """The first state that is newer than `number`, with its own; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > number or self._stopped.is_set())
            return None if self._stopped.is_set() else (self._number, self._text)

    def enter(self) -> bool:
        """One viewer more; False when there are too many."""
        with self._changed:
            if self._viewers >= MOST:
                return False
            self._viewers += 1
            return True

    def leave(self) -> None:
        with self._changed:
            self._viewers -= 1

    def _loop(self) -> None:
        while not self._stopped.wait(EVERY):
            self._look()

    def _look(self) -> None:
        subjects = self._take()
        self._history.add(subjects)
        text = json.dumps(state(subjects, self._history, self.warnings, self._picture))
        with self._changed:
            self._number, self._text = self._number + 1, text
            self._changed.notify_all()
