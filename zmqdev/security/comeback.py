"""Coming back after a refusal: libzmq does not, so we connect again, ever more slowly.

A client whose handshake was refused, or met another mechanism or socket type,
is left alone by libzmq for good, also when the other side is put right. A new
connection is made after 1 s, 2 s, ... 32 s, and the pause is short again once
a handshake has succeeded.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 32.0


@dataclass
class Comeback:
    """Addresses to connect to again. Times are monotonic seconds."""

    _due: dict[str, float] = field(default_factory=dict)
    _pauses: dict[str, float] = field(default_factory=dict)

    def failed(self, address: str, now: float) -> float | None:
        """A handshake failed; seconds until the next try, or None when one is planned already."""
        if address in self._due:
            return None
        pause = self._pauses.get(address, FIRST_PAUSE)
        self._pauses[address] = min(2 * pause, LONGEST_PAUSE)
        self._due[address] = now + pause
        return pause

    def succeeded(self, address: str) -> None:
        """A handshake succeeded: all is well there."""
        self._due.pop(address, None)
        self._pauses.pop(address, None)

    def due(self, now: float) -> list[str]:
        """Addresses to connect to again now; each is told once."""
        found = [address for address, when in self._due.items() if when <= now]
        for address in found:
            del self._due[address]
        return found
