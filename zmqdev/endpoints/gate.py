"""A gate that opens once enough peers are there.

A publisher counts subscriptions, since an XPUB sees each of them. All other sockets count
connections with a finished handshake, from the monitor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Gate:
    """A gate that opens when `present()` reaches `wanted`; with None it is open at once."""

    wanted: int | None
    present: Callable[[], int]
    what: str  # subscribers or peers
    is_open: bool = False

    def check(self) -> bool:
        """Return whether the gate is open; it never closes again."""
        if not self.is_open:
            self.is_open = not self.wanted or self.present() >= self.wanted
        return self.is_open

    def unmet(self) -> str | None:
        """Return what has not come, in words, or None once the gate is open."""
        if self.is_open:
            return None
        return f"{self.present()} of {self.wanted} {self.what} came"


@dataclass
class SeenSubscriptions:
    """The subscriptions that peers of an XPUB hold, with XPUB_VERBOSER set.

    Every subscription counts, also a second one to the same topic. A forwarder passes on only the
    first one to a topic.
    """

    held: int = 0

    def receive(self, frames: list[bytes]) -> None:
        """Count a message of the XPUB; others than subscriptions are ignored."""
        if len(frames) == 1 and frames[0][:1] == b"\x01":
            self.held += 1
        elif len(frames) == 1 and frames[0][:1] == b"\x00":
            self.held = max(0, self.held - 1)
