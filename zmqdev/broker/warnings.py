"""What peers of a reliable queue do wrong, or cannot take: a line for the log, not one a message.

The first of a peer and reason is told at once; those that follow are counted, and told with
pauses that double, as for handshakes that fail.
"""

from __future__ import annotations

from zmqdev.device.peer_log import Complaints
from zmqdev.relay.veil import veil

CLIENT, WORKER = "client", "worker"


class Warnings:
    """`lines` gathers what is to be logged."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._complaints = Complaints()

    def tell(self, kind: str, address: bytes, reason: str, now: float) -> None:
        """Of a client or worker, by its address; b"" when it has none."""
        who = f"{kind} {peer_name(address)}" if address else f"a {kind}"
        more = self._complaints.failed(who, reason, now)
        if more is not None:
            self.lines.append(f"{who}: {reason}{more}")


def peer_name(address: bytes) -> str:
    """The name that a peer gave itself, as text where it is some; else a number in hex."""
    text = address.decode("ascii", "replace")
    return text if text.isascii() and text.isprintable() else veil(address).hex()
