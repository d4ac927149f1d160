"""The data path: one C file, its Python twin, one contract for both.

`ZMQDEV_RELAY=native|python` asks for one half. Otherwise the C half is used when
it was built and pyzmq's libzmq can be reached, and `why_not_native` says why not.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zmqdev.errors import RunError, UsageError
from zmqdev.relay.counters import DIRECTIONS, DROPS, STATISTICS, TURNS, Counters, Statistic
from zmqdev.relay.lane import Lane

HALVES = ("native", "python")


def _reason() -> str | None:
    asked = os.environ.get("ZMQDEV_RELAY", "")
    if asked and asked not in HALVES:
        raise UsageError(f"{asked!r} is not one of {', '.join(HALVES)}", "ZMQDEV_RELAY")
    if asked == "python":
        return "ZMQDEV_RELAY=python asks for the other"
    try:
        from zmqdev.relay import native  # noqa: F401
    except ImportError as error:
        if asked:
            raise RunError(f"ZMQDEV_RELAY=native, but it cannot be used: {error}") from error
        return str(error)
    return None


_WHY_NOT = _reason()
NATIVE = _WHY_NOT is None


def why_not_native() -> str | None:
    """Why the C half is not used; None when it is."""
    return _WHY_NOT


if TYPE_CHECKING or not NATIVE:
    from zmqdev.relay.twin import Relay, recv_burst, send_burst
else:
    from zmqdev.relay.native import Relay, recv_burst, send_burst

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
