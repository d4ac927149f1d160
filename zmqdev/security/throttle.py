"""Guessing passwords is slow: too many failures from an address, and no more are heard.

Each guess costs a hash, and the one handler thread makes them. Without this a
stranger could keep it busy, and every good peer waiting. A password that was
accepted before costs nothing and is always heard.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

FAILURES = 5
WINDOW = 10.0
# Bounded memory: the address that failed longest ago is forgotten first.
ADDRESSES = 4096


@dataclass
class Throttle:
    """Failures by address within a window. Times are monotonic seconds."""

    failures: int = FAILURES
    window: float = WINDOW
    _failed: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict, repr=False)

    def refuses(self, address: str, now: float) -> bool:
        """Whether this address has failed too often to be heard now."""
        count, since = self._failed.get(address, (0, now))
        if now - since >= self.window:
            self._failed.pop(address, None)
            return False
        return count >= self.failures

    def failed(self, address: str, now: float) -> None:
        """Note a wrong password."""
        count, since = self._failed.pop(address, (0, now))
        if now - since >= self.window:
            count, since = 0, now
        self._failed[address] = (count + 1, since)
        if len(self._failed) > ADDRESSES:
            self._failed.popitem(last=False)
