"""The state of the page, made once a second for all viewers.

Each viewer has a thread that waits for the next state. A viewer that does not read
misses states and delays no other. At most `MOST` may look at once; the next one gets an
error.
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
    """Makes states: `start`, then `next_after` in any thread, then `stop`."""

    def __init__(self, take: Callable[[], Sequence[Snapshot]], picture: str = "") -> None:
        self._take, self._picture = take, picture
        self._history, self.warnings = History(), WarningLog()
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._number, self._text = 0, ""
        self._viewers = 0

    def start(self) -> None:
        """Make the first state and begin the thread that makes the others."""
        log.addHandler(self.warnings)
        self._look()
        threading.Thread(target=self._loop, name="zmqdev-page", daemon=True).start()

    def stop(self) -> None:
        """End the thread and release all viewers."""
        log.removeHandler(self.warnings)
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()

    @property
    def text(self) -> str:
        """Return the newest state as JSON."""
        return self._text

    def next_after(self, number: int) -> tuple[int, str] | None:
        """Wait for a state newer than `number` and return (its number, JSON); None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > number or self._stopped.is_set())
            return None if self._stopped.is_set() else (self._number, self._text)

    def enter(self) -> bool:
        """Count a viewer; return False when there are too many."""
        with self._changed:
            if self._viewers >= MOST:
                return False
            self._viewers += 1
            return True

    def leave(self) -> None:
        """Count a viewer less."""
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
