"""Refusals of peers: counted by reason, and logged without flooding the log."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from dataclasses import dataclass, field

from zmqdev.security.networks import plain

LOG = logging.getLogger("zmqdev.security")
# Up to this many a second are logged one by one; one further line counts the rest.
LINES_PER_SECOND = 10


@dataclass
class Refusals:
    """The counts of one side. The handler's thread adds to them, any thread may read them."""

    label: str
    _counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _second: float = 0.0
    _lines: int = 0

    def add(self, reason: str, text: str, address: str, now: float) -> None:
        """Count a refusal and log it, unless too many were logged this second."""
        self.count(reason)
        self.pause_over(now)
        self._lines += 1
        if self._lines <= LINES_PER_SECOND:
            LOG.warning("%s: refused %s: %s", self.label, plain(address), text)

    def count(self, reason: str) -> None:
        """Count a refusal that is logged elsewhere."""
        with self._lock:
            self._counts[reason] += 1

    def pause_over(self, now: float) -> None:
        """When a second is over, log how many of its refusals were not logged."""
        if now - self._second < 1.0:
            return
        if self._lines > LINES_PER_SECOND:
            more = self._lines - LINES_PER_SECOND
            LOG.warning("%s: %d more peers were refused", self.label, more)
        self._second, self._lines = now, 0

    def read(self) -> dict[str, int]:
        """Return all counts by reason."""
        with self._lock:
            return dict(self._counts)
