"""Names of services without workers, and their limit.

Each such name needs memory and time in every sweep, and any client can invent one. So their number
is limited, and the client that made most of them loses one when the limit is reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmqdev.broker.request import ServiceQueue

if TYPE_CHECKING:
    from zmqdev.broker.ledger import Ledger

MOST = 1000
# Seconds between two searches for names that are not used.
SEARCH = 1.0


class Names:
    """Counts the services without workers of a ledger, by the client that made them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.count = 0
        self._made: dict[bytes, int] = {}
        self._searched = float("-inf")

    def enter(self, service: ServiceQueue) -> None:
        """Count a service that has no workers now."""
        self.count += 1
        if service.maker is not None:
            self._made[service.maker] = self._made.get(service.maker, 0) + 1

    def leave(self, service: ServiceQueue) -> None:
        """Stop counting a service, which has workers now or was forgotten."""
        self.count -= 1
        maker, service.maker = service.maker, None
        if maker is not None:
            left = self._made[maker] = self._made[maker] - 1
            if not left:
                del self._made[maker]

    def disown(self, service: ServiceQueue) -> None:
        """Count a service for no client any more.

        Its requests are on disk, so no flood of names may remove it.
        """
        if service.maker is not None:
            self.leave(service)
            self.count += 1

    def takes(self, maker: bytes, now: float) -> bool:
        """Return whether a client may make another name; make room for it where that is fair."""
        if self.count >= MOST and now - self._searched >= SEARCH:
            self._searched = now
            self.forget_unused()
        if self.count < MOST:
            return True
        largest = max(self._made, key=self._made.__getitem__, default=None)
        if largest is None or self._made[largest] <= self._made.get(maker, 0) + 1:
            return False
        self._ledger.drop(self._newest_of(largest))
        return True

    def forget_unused(self) -> None:
        """Forget services with neither workers nor requests."""
        for service in [one for one in self._ledger.services.values() if one.is_idle]:
            self._ledger.drop(service)

    def _newest_of(self, maker: bytes) -> ServiceQueue:
        found = reversed(self._ledger.services.values())
        return next(service for service in found if service.maker == maker)
