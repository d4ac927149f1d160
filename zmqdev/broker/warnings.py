"""Faults of a reliable queue's peers: one log line for a peer and a fault, not one for each
message.

The first fault of a peer and reason is logged at once. Further ones are counted and logged with
pauses that double, as failed handshakes are.
"""

from __future__ import annotations

from collections.abc import Sequence

from zmqdev.device.peer_log import Complaints
from zmqdev.relay.veil import veil
from zmqdev.wire.majordomo import CLIENT_01, CLIENT_02, WORKER_01, WORKER_02

CLIENT, WORKER = "client", "worker"


_AT_FRONTEND = "a Majordomo worker at the frontend; connect it to the backend's address"
_AT_BACKEND = "a Majordomo client at the backend; connect it to the frontend's address"
_STRANGE = {
    CLIENT: ((WORKER_01, WORKER_02), _AT_FRONTEND),
    WORKER: ((CLIENT_01, CLIENT_02), _AT_BACKEND),
}


def misplaced(kind: str, frames: Sequence[bytes]) -> str:
    """Return why a message belongs to the other side of the queue; "" for other messages."""
    headers, why = _STRANGE[kind]
    return why if any(frame in headers for frame in frames[:3]) else ""


class PeerWarnings:
    """The faults of peers; `lines` has the lines for the log."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._complaints = Complaints()

    def tell(self, kind: str, address: bytes, reason: str, now: float) -> None:
        """Record a fault of a client or worker by its address; b"" when it has none."""
        who = f"{kind} {peer_name(address)}" if address else f"a {kind}"
        more = self._complaints.failed(who, reason, now)
        if more is not None:
            self.lines.append(f"{who}: {reason}{more}")


def peer_name(address: bytes) -> str:
    """Return the routing id that a peer chose, if it is text; otherwise a number in hex."""
    text = address.decode("ascii", "replace")
    return text if text.isascii() and text.isprintable() else veil(address).hex()
