"""A part's own statistics lines (JSON) back as what a display shows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from zmqdev.stats.snapshot import AddressState, PeerCounts, SideState
from zmqdev.stats.subject import Reading, Subject

_MESSAGES = "_messages"
_ADDRESSES = "_addresses"
_NANO = 1e9


class Telling:
    """The last line of one part, at the time it came."""

    def __init__(self, category: str) -> None:
        self.category = category
        self._blocked: dict[str, float] = {}
        self._at: float | None = None

    def take(self, line: bytes, now: float) -> Subject | None:
        """None for a line that is not what it looked like."""
        try:
            told = json.loads(line)
            return self._subject(told, now)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def _subject(self, told: Mapping[str, Any], now: float) -> Subject:
        elapsed, self._at = (now - self._at if self._at is not None else 0.0), now
        return Subject(
            category=self.category,
            name=told[self.category],
            kind=told["kind"],
            state=told["state"],
            at=now,
            uptime=float(told["uptime"]),
            sides=tuple(_sides(told)),
            flows=tuple(self._flows(told, elapsed)),
            extra={k: v for k, v in told.items() if not _known(k)},
            expected=told.get("expected"),
        )

    def _flows(self, told: Mapping[str, Any], elapsed: float) -> Iterator[Reading]:
        for key in told:
            name = key.removesuffix(_MESSAGES)
            if name == key or f"{name}_bytes" not in told:
                continue
            yield Reading(
                name,
                told[key],
                told[f"{name}_bytes"],
                told.get(f"{name}_drops_by_reason", {}),
                self._blocked_ns(name, told, elapsed),
            )

    def _blocked_ns(self, name: str, told: Mapping[str, Any], elapsed: float) -> int | None:
        """The line has the share of its stretch of time; summed up it is the time again."""
        share = told.get(f"{name}_blocked_pct")
        if share is None:
            return None
        self._blocked[name] = self._blocked.get(name, 0.0) + share / 100 * elapsed * _NANO
        return int(self._blocked[name])


def _sides(told: Mapping[str, Any]) -> Iterator[SideState]:
    for key in told:
        name = key.removesuffix(_ADDRESSES)
        if name == key or f"{name}_type" not in told:
            continue
        yield SideState(
            name,
            told[f"{name}_type"],
            tuple(AddressState("", address, address) for address in told[key]),
            PeerCounts(
                connected=told[f"{name}_peers"],
                accepted=told[f"{name}_accepted"],
                disconnects=told[f"{name}_disconnects"],
                failed_handshakes=told[f"{name}_failed_handshakes"],
            ),
        )


_HEAD = frozenset({"time", "device", "endpoint", "kind", "state", "uptime", "expected"})
_ENDINGS = (
    *(_MESSAGES, _ADDRESSES, "_bytes", "_type", "_peers", "_accepted", "_disconnects"),
    *("_failed_handshakes", "_msgs_per_s", "_bytes_per_s", "_drops", "_blocked_pct"),
    "_drops_by_reason",
)


def _known(key: str) -> bool:
    return key in _HEAD or key.endswith(_ENDINGS)
