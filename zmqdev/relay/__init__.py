"""The data path: a C half and its Python twin, with the same behaviour.

`ZMQDEV_RELAY=native|python` asks for one half. Otherwise the C half is used if it was built and
pyzmq's libzmq can be reached; `why_not_native` returns why it is not used.
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
    """Return why the C half is not used; None when it is."""
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
