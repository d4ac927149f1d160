"""Bytes a second of each connection, from two answers to `peers`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Seconds between the answers: long enough to average out a burst, short enough to wait
# for.
BETWEEN = 1.0
_COUNTS = {"sent_bytes": "sent_bytes_per_s", "received_bytes": "received_bytes_per_s"}
Peers = Mapping[str, Any]


def with_rates(before: Peers, after: Peers, seconds: float) -> dict[str, Any]:
    """Return `after` with the rates of each connection; None for a connection that is new."""
    earlier = {(side, one["address"]): one for side, one in _connections(before)}
    made: dict[str, Any] = {side: dict(told) for side, told in after.items()}
    for side, told in made.items():
        told["connections"] = [
            _rated(earlier.get((side, one["address"])), one, seconds)
            for one in told.get("connections", ())
        ]
    return made


def _connections(told: Peers) -> Iterator[tuple[str, dict[str, Any]]]:
    for side, found in told.items():
        yield from ((side, one) for one in found.get("connections", ()))


def _rated(before: dict[str, Any] | None, now: dict[str, Any], seconds: float) -> dict[str, Any]:
    made = dict(now)
    for count, rate in _COUNTS.items():
        known = before is not None and before[count] is not None and now[count] is not None
        # A smaller number belongs to a later connection from the same port.
        grown = now[count] - before[count] if known and before is not None else -1
        made[rate] = round(grown / seconds) if grown >= 0 else None
    return made
