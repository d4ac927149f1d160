"""A throttle on wrong passwords: after too many from an address, no more are checked.

Each guess costs a hash, and one thread makes them (security.hashing). Without a limit a
stranger could keep it busy, so that new peers would have to wait. As the guesses could
come from many addresses, there is also a limit for all together. Above it a peer is
refused at once and may try again. A password that was accepted before needs no hash and
is always checked.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

FAILURES = 5
WINDOW = 10.0
# For all addresses together: at 40 ms a hash, a fifth of one core.
TOGETHER = 10
TOGETHER_WINDOW = 2.0
# Bounds the memory: the address that failed longest ago is forgotten first.
ADDRESSES = 4096


@dataclass
class Throttle:
    """Failures within a window, by address and in total. Times are monotonic seconds."""

    failures: int = FAILURES
    window: float = WINDOW
    _latest: deque[float] = field(default_factory=lambda: deque(maxlen=TOGETHER), repr=False)
    _failed: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict, repr=False)

    def refuses(self, address: str, now: float) -> bool:
        """Whether this address, or all together, have failed too often."""
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
