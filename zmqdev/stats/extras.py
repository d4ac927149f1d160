"""Statistics of single kinds, for lines and for the live view.

An endpoint's numbers are declared in `stats.endpoint.EXTRA`, so each line of a kind has
all of them. A device's engine returns a mapping (`details`): its numbers are collected
at any depth, and a list of `services` is shown as rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from zmqdev.stats import units
from zmqdev.stats.endpoint import EXTRA
from zmqdev.stats.rates import Rate
from zmqdev.stats.reliable import WORKER_STATES
from zmqdev.stats.snapshot import Snapshot

# Numbers that are shown even when they are zero.
_ALWAYS = frozenset({"queued", "in_flight"})
# Names of numbers in bytes or seconds; all others are plain.
_SIZES = frozenset({"bytes", "store_bytes", "spool_bytes"})
_TIMES = frozenset({"oldest", "commit_p99", "lease"}) | {
    row.name for row in EXTRA.values() if row.unit == "seconds"
}
_SHARES = frozenset(row.name for row in EXTRA.values() if row.unit == "share")


def numbers(subject: Snapshot) -> Iterator[tuple[str, float | None]]:
    """Yield (name, value) in a fixed order; None for what is not known yet."""
    if subject.category == "endpoint":
        for row in EXTRA.values():
            if subject.kind in row.kinds:
                yield row.name, subject.details.get(row.name)
    else:
        yield from _found(subject.details)


def _found(tree: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _found(value)
        elif isinstance(value, int | float):
            yield name, value


def spoken(subject: Snapshot) -> list[str]:
    """Return texts like `queued 12`, `oldest 1.2 s`, without zeros that say nothing."""
    return [
        f"{name.replace('_', ' ')} {_value(name, value)}"
        for name, value in numbers(subject)
        if not isinstance(value, bool) and (value or (value is not None and name in _ALWAYS))
    ]


def _value(name: str, value: float) -> str:
    if name in _SHARES:
        return units.share(value)
    if name in _TIMES:
        return units.duration(value)
    return units.size(value) if name in _SIZES else units.short(value)


@dataclass(frozen=True)
class ServiceRow:
    """A service of a reliable queue as text; `ill` when it needs attention."""

    text: str
    ill: bool


def services(subject: Snapshot) -> list[ServiceRow]:
    """Return a row for each service of a reliable queue, those with most waiting first."""
    found = sorted(_services(subject.details), key=lambda item: -int(item["queued"]))
    return [_service(item) for item in found]


def routes(tree: Mapping[str, Any], rates: Mapping[str, Rate] = MappingProxyType({})) -> list[str]:
    """Return a line for each route, `1  eu.* → eu  312 k  38 %  full 0`, then for each backend."""
    rows = tree.get("routes", ())
    total = sum(row["messages"] for row in rows) + tree.get("unrouted", 0)
    cells = [
        (
            row["name"],
            f"{row['match']} → {row['to']}",
            *_rate(rates.get(f"route {row['name']}")),
            units.short(row["messages"]),
            f"{100 * row['messages'] / max(1, total):.0f} %",
            f"full {units.short(row['full'])}",
        )
        for row in rows
    ]
    backends = [
        _backend(row, rates.get(f"backend {row['name']}")) for row in tree.get("backends", ())
    ]
    return [*_aligned(cells), *_aligned(backends)]


def _rate(rate: Rate | None) -> tuple[str, ...]:
    return () if rate is None else (f"{units.short(rate.messages)}/s",)


def unrouted(tree: Mapping[str, Any]) -> list[str]:
    """Return the lines about messages that no route took and about a route function."""
    told = [f"unrouted {units.short(tree.get('unrouted', 0))}"]
    if "hook_ns" in tree:
        share = f"hook {100 * tree['hook_share']:.0f} % of the time"
        told.append(f"failed {units.short(tree['failed'])}  {share}")
    return told


def _backend(row: Mapping[str, Any], rate: Rate | None) -> tuple[str, ...]:
    return (
        row["name"],
        *_rate(rate),
        f"{units.short(row['messages'])} messages",
        f"blocked {units.duration(row['blocked_ns'] / 1e9)}",
        f"full {units.short(row.get('full', 0))}",
    )


def _aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    sizes = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True)).rstrip()
        for row in cells
    ]


def _services(tree: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name, value in tree.items():
        if name == "services":
            yield from value
        elif isinstance(value, Mapping):
            yield from _services(value)


def _service(item: Mapping[str, Any]) -> ServiceRow:
    """Return `echo: 3 workers: 1 busy, 2 overdue; 4 queued, oldest 1.2 s; 1 in flight`."""
    states = [(item[state.name], state.name) for state in WORKER_STATES if item[state.name]]
    workers = units.counted(sum(count for count, _ in states), "worker")
    queued = f"{item['queued']} queued"
    parts = [
        f"{workers}: {', '.join(f'{count} {name}' for count, name in states)}"
        if states
        else workers,
        f"{queued}, oldest {units.duration(item['oldest'])}" if item["queued"] else queued,
        f"{item['in_flight']} in flight",
    ]
    ill = bool(item["overdue"] or (item["queued"] and not states))
    return ServiceRow(f"{item['name'] or '(no name)'}: {'; '.join(parts)}", ill)
