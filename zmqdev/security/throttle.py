"""A throttle on wrong passwords: after too many from an address, no more are checked.

Each guess costs a hash, and one thread makes them (security.hashing). Without this a
stranger could keep it busy, and every peer that is not known yet waiting. From many
addresses it could all the same, so there is one rate for all wrong passwords together as
well. What is over it is refused at once, to come again. A password that was accepted before
costs nothing and is always heard.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

FAILURES = 5
WINDOW = 10.0
# All addresses together: at 40 ms a hash, a fifth of one core.
TOGETHER = 10
TOGETHER_WINDOW = 2.0
# Bounded memory: the address that failed longest ago is forgotten first.
ADDRESSES = 4096


@dataclass
class Throttle:
    """Failures by address within a window, and of all. Times are monotonic seconds."""

    failures: int = FAILURES
    window: float = WINDOW
    _latest: deque[float] = field(default_factory=lambda: deque(maxlen=TOGETHER), repr=False)
    _failed: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict, repr=False)

    def refuses(self, address: str, now: float) -> bool:
        """Whether this address has failed too often to be heard now, or all together have."""
        if len(self._latest) == TOGETHER and now - self._latest[0] < TOGETHER_WINDOW:
            return True
        count, since = self._failed.get(address, (0, now))
        if now - since >= self.window:
            self._failed.pop(address, None)
            return False
        return count >= self.failures

    def failed(self, address: str, now: float) -> None:
        """Note a wrong password."""
        self._latest.append(now)
        count, since = self._failed.pop(address, (0, now))
        if now - since >= self.window:
            count, since = 0, now
        self._failed[address] = (count + 1, since)
        if len(self._failed) > ADDRESSES:
            self._failed.popitem(last=False)
