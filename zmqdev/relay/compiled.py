"""A table of routes for the C half: tuples of bytes and numbers, and an index of prefixes.

The numbers of kinds are also defined in `_route_table.h`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from zmqdev.routing.condition import Condition, FieldMatch, FrameMatch, Larger, Not
from zmqdev.routing.limits import RateLimit
from zmqdev.routing.pattern import ANY, Pattern
from zmqdev.routing.table import Route, Table

OF_FRAME, OF_FIELD, OF_SIZE, OF_NONE = range(4)
PICKS = ("all", "first", "next", "hash")
ON_FULL = ("block", "drop", "next")
NO_KEY = -(2**31)
Path = tuple[bytes, ...]
Cells = array  # of uint64


def compiled(table: Table, cells: Sequence[Cells[int]], own: Cells[int]) -> tuple[Any, ...]:
    """Return the table for the C half.

    `cells` are the counters of each route (messages, bytes, full), `own` those of the table
    (unrouted, dropped, and for each backend the number of refusals). Both must live longer than the
    result.
    """
    paths = tuple(dict.fromkeys(path for route in table.routes for path in _paths(route)))
    number = {path: at for at, path in enumerate(paths)}
    copied = table.copied_only
    return (
        paths,
        table.hashes,
        bytes(at in copied for at in range(len(table.backends))),
        tuple(_route(route, number, at) for route, at in zip(table.routes, cells, strict=True)),
        *index(table.routes),
        -1 if table.rest is None else table.rest,
        table.rest_on_full == "drop",
        _address(own),
    )


def index(routes: Sequence[Route]) -> tuple[tuple[tuple[bytes, tuple[int, ...]], ...], Any]:
    """Return (prefixes, always), the shortest prefix first.

    A prefix has the routes that a first frame may match if it is the longest prefix of that frame.
    `always` are the routes that any first frame may match.
    """
    of: dict[bytes, set[int]] = {}
    always = []
    for at, route in enumerate(routes):
        if b"" in route.starts:
            always.append(at)
            continue
        for start in route.starts:
            of.setdefault(start, set()).add(at)
    lengths = sorted({len(start) for start in of})
    made = []
    for start in sorted(of, key=len):
        shorter = (start[:length] for length in lengths if length <= len(start))
        found = set().union(*(of.get(one, set()) for one in shorter))
        made.append((start, tuple(sorted(found))))
    return tuple(made), tuple(always)


def _route(route: Route, paths: dict[Path, int], cells: Cells[int]) -> tuple[Any, ...]:
    rate = RateLimit(route.rate) if route.rate else None
    rename = route.rename
    return (
        _conditions(route.conditions, paths),
        route.targets,
        PICKS.index(route.pick),
        route.copy,
        ON_FULL.index(route.on_full),
        route.share,
        rate.cost if rate else 0,
        rate.depth if rate else 0,
        NO_KEY if route.by is None else route.by,
        None if rename is None else (rename.before, rename.captured, rename.after),
        _address(cells),
    )


def _conditions(conditions: Iterable[Condition], paths: dict[Path, int]) -> tuple[Any, ...]:
    return tuple(_condition(condition, paths) for condition in conditions)


def _condition(condition: Condition, paths: dict[Path, int]) -> tuple[Any, ...]:
    """Return (kind, number, patterns, size, inner)."""
    if isinstance(condition, FrameMatch):
        return OF_FRAME, condition.number, _patterns(condition.patterns), 0, ()
    if isinstance(condition, FieldMatch):
        return OF_FIELD, paths[condition.path], _patterns(condition.patterns), 0, ()
    if isinstance(condition, Larger):
        return OF_SIZE, 0, (), condition.size, ()
    return OF_NONE, 0, (), 0, _conditions(condition.conditions, paths)


def _patterns(patterns: Iterable[Pattern]) -> tuple[Any, ...]:
    return tuple(tuple(map(_segment, pattern.segments)) for pattern in patterns)


def _segment(segment: tuple[int | None, ...]) -> tuple[bytes, bytes]:
    text = bytes(byte or 0 for byte in segment)
    return text, bytes(byte is ANY for byte in segment) if ANY in segment else b""


def _paths(route: Route) -> Iterable[Path]:
    def of(conditions: Iterable[Condition]) -> Iterable[Path]:
        for condition in conditions:
            if isinstance(condition, FieldMatch):
                yield condition.path
            elif isinstance(condition, Not):
                yield from of(condition.conditions)

    return of(route.conditions)


def _address(cells: Cells[int]) -> int:
    return cells.buffer_info()[0]
