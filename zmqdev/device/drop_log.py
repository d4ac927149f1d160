"""Dropped messages in the log: a line for a direction and reason, then more at growing pauses.

The counters count all of them; the data path writes no log.
"""

from __future__ import annotations

import logging

from zmqdev.device.engine import Engine
from zmqdev.device.peer_log import Complaints
from zmqdev.options.queue import QueueSpec
from zmqdev.relay.counters import STATISTICS

log = logging.getLogger("zmqdev")
# Seconds between two looks at the counters.
EVERY = 1.0
# Drops that the user configured: by a route, and of replies to a copy.
MEANT = ("route", "copy")
REASONS = {one.name: one.help for one in STATISTICS if one.dropped and one.name not in MEANT}


class DropLog:
    """Logs the drops of one device; used in one thread, other than that of the data path."""

    def __init__(self, name: str, engine: Engine) -> None:
        self._name, self._counters = name, engine.counters
        spec = engine.spec
        # A reliable queue logs what it drops, and of which client.
        self._tells = not (isinstance(spec, QueueSpec) and spec.reliable.enabled)
        self._complaints = Complaints()
        self._seen: dict[tuple[str, str], int] = {}
        self._said: dict[tuple[str, str], int] = {}

    def look(self, now: float) -> None:
        """Log what was dropped since the last line about it."""
        if not self._tells:
            return
        for direction, counts in self._counters.total().items():
            for reason, words in REASONS.items():
                key, count = (direction, reason), counts[reason]
                if count == self._seen.get(key, 0):
                    continue
                self._seen[key] = count
                if self._complaints.failed(direction, reason, now) is None:
                    continue
                more = count - self._said.get(key, 0)
                self._said[key] = count
                dropped = "1 message" if more == 1 else f"{more} messages"
                log.warning("%s %s: %s dropped: %s", self._name, direction, dropped, words)
