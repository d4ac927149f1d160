"""A gate that opens once, when enough peers are there.

An XPUB sees every subscription, so a publisher counts subscriptions. All other sockets count
connections with a finished handshake, from the monitor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Gate:
    """Opens when `present()` reaches `wanted`; None: it is open at once."""

    wanted: int | None
    present: Callable[[], int]
    what: str  # subscribers or peers
    is_open: bool = False

    def check(self) -> bool:
        """Whether it is open; once open it stays open."""
        if not self.is_open:
            self.is_open = not self.wanted or self.present() >= self.wanted
        return self.is_open

    def unmet(self) -> str | None:
        if self.is_open:
            return None
        return f"{self.present()} of {self.wanted} {self.what} came"


@dataclass
class SeenSubscriptions:
    """Subscriptions that peers of an XPUB hold, with XPUB_VERBOSER set.

    Each subscription counts, also the second one to a topic. A forwarder passes on only the first
    one to a topic.
    """

    held: int = 0

    def receive(self, frames: list[bytes]) -> None:
        """A message of the XPUB. Messages that are no subscriptions are ignored."""
        if len(frames) == 1 and frames[0][:1] == b"\x01":
            self.held += 1
        elif len(frames) == 1 and frames[0][:1] == b"\x00":
            self.held = max(0, self.held - 1)
