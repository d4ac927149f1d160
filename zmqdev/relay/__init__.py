"""The data path: one C file, its Python twin, one contract for both."""

from __future__ import annotations

from zmqdev.relay.counters import DIRECTIONS, DROPS, STATISTICS, TURNS, Counters, Statistic
from zmqdev.relay.lane import Lane
from zmqdev.relay.twin import Relay, recv_burst, send_burst

NATIVE = False


def why_not_native() -> str | None:
    """Why the C half is not used; None when it is."""
    return "it was not built"


__all__ = [
    "DIRECTIONS",
    "DROPS",
    "NATIVE",
    "STATISTICS",
    "TURNS",
    "Counters",
    "Lane",
    "Relay",
    "Statistic",
    "recv_burst",
    "send_burst",
    "why_not_native",
]
