"""Conditions and targets of a route as short texts, for tables and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zmqdev.routing.condition import Condition, FieldMatch, FrameMatch, Larger
from zmqdev.routing.limits import WHOLE
from zmqdev.routing.pattern import Pattern
from zmqdev.routing.table import Route, Table


def matched(route: Route) -> str:
    """Return the conditions, share and rate: `eu.*`, `order.priority=high, >65536 B`,
    `*` for all."""
    told = [*map(_one, route.conditions)]
    if route.share < WHOLE:
        told.append(f"{route.share / 100:g} %")
    if route.rate:
        told.append(f"{route.rate}/s")
    return ", ".join(told) or "*"


def targets(table: Table, route: Route) -> str:
    """Return the targets: `eu`, `a, b`, `drop`."""
    return ", ".join(table.backends[target] for target in route.targets) or "drop"


def _one(condition: Condition) -> str:
    if isinstance(condition, FrameMatch):
        head = f"frame {condition.number}=" if condition.number else ""
        return head + _patterns(condition.patterns)
    if isinstance(condition, FieldMatch):
        path = b".".join(condition.path).decode(errors="replace")
        return f"{path}={_patterns(condition.patterns)}"
    if isinstance(condition, Larger):
        return f">{condition.size} B"
    return f"not {_all(condition.conditions)}"


def _all(conditions: Sequence[Condition]) -> str:
    told = ", ".join(map(_one, conditions))
    return told if len(conditions) == 1 else f"({told})"


def _patterns(patterns: Iterable[Pattern]) -> str:
    return "|".join(pattern.text for pattern in patterns)
