"""The table of `zmqdev top`: a view, items and a size in, lines out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from zmqdev.report.flowrows import SPARKS, spark_cells
from zmqdev.report.glyphs import Glyphs, sparkline
from zmqdev.report.panel import STATE_STYLES
from zmqdev.report.rows import GAP, Column, aligned, fitted, piece, shorten, widths
from zmqdev.stats import units
from zmqdev.stats.rates import Track
from zmqdev.stats.snapshot import Flow
from zmqdev.tools.top.view import Item, View, chosen, ordered

# (text, rank): on a narrow screen those with the highest rank are dropped first.
KEYS = (
    ("p pause", 0),
    ("r resume", 0),
    ("s stop", 0),
    ("up/down choose", 2),
    ("left/right sort", 1),
    ("i invert", 3),
    ("q quit", 0),
)
NAME_WIDTH = 24
NONE = "this user has no running device; start one, like: zmqdev queue 5555 5556"


@dataclass(frozen=True)
class Field:
    """A column.

    Columns with the highest `rank` are dropped first on a narrow screen. `sort` is the
    key of SORTS that belongs to it. A column that is not `always` shown is dropped
    while all its cells are empty.
    """

    title: str
    rank: int
    least: int = 0
    right: bool = True
    sort: str = ""
    always: bool = True


FIELDS = (
    Field("name", 0, right=False, sort="name"),
    Field("kind", 9, right=False),
    Field("state", 1, 8, right=False, sort="state"),
    Field("direction", 2, right=False),
    Field("msg/s", 0, 6, sort="msg/s"),
    Field("bytes/s", 5, 8, sort="bytes/s"),
    Field("messages", 7, 8, sort="messages"),
    Field("bytes", 8, 8, sort="bytes"),
    Field("blocked", 3, 7, sort="blocked"),
    Field("drops", 3, 5, sort="drops"),
    Field("peers", 6, 5, sort="peers"),
    Field("failed", 3, 6, sort="failed", always=False),
    Field("queued", 4, 6, sort="queued", always=False),
    Field("disk", 5, 8, always=False),
)
# Columns with a higher rank are dropped in favour of the shortest sparkline.
SPARK_RANK = 6


def screen(
    items: Sequence[Item], view: View, width: int, height: int, glyphs: Glyphs, clock: str
) -> list[Text]:
    """Return the lines of the screen, at most `width` by `height`."""
    foot = Text(view.said, "bold") if view.said else Text(_keys(width), "dim")
    shown = ordered(items, view)
    table = _table(shown, view, width, glyphs) if shown else [Text(NONE)]
    rows = _around(len(table) - 1, shown, view, max(0, height - 3))
    count = units.counted(len(items), "device")
    if len(rows) < len(table) - 1:
        count += f", rows {rows.start + 1} to {rows.stop} of {len(table) - 1}"
    body = [table[0], *table[1 + rows.start : 1 + rows.stop]]
    lines = [_title(count, view, clock), *body[: max(0, height - 2)], foot]
    return [fitted(line, width) for line in lines[-height:]]


def _title(count: str, view: View, clock: str) -> Text:
    turned = ", inverted" if view.inverted else ""
    return Text.assemble(
        ("zmqdev top", "bold"), f"  {count}  {clock}  ", (f"by {view.sort}{turned}", "dim")
    )


def _keys(width: int) -> str:
    kept = list(KEYS)
    while (line := "  ".join(text for text, _ in kept)) and len(line) > width and len(kept) > 1:
        kept.remove(max(kept, key=lambda key: key[1]))
    return line


def _around(rows: int, shown: Sequence[Item], view: View, room: int) -> range:
    """Return the range of rows that fit, with those of the chosen device among them."""
    if rows <= room:
        return range(rows)
    at = 0
    item = chosen(shown, view)
    for other in shown:
        count = max(1, len(other.seen.flows) if other.seen else 1)
        if other is item:
            first = max(0, min(at + count - room, rows - room)) if at + count > room else 0
            return range(first, first + room)
        at += count
    return range(room)


def _table(shown: Sequence[Item], view: View, width: int, glyphs: Glyphs) -> list[Text]:
    """Return the heading and a row for each direction of each device."""
    item = chosen(shown, view)
    made = [
        (other is item, track, _cells(other, flow, track, first, glyphs))
        for other in shown
        for first, flow, track in _directions(other)
    ]
    fields, sizes = _those_that_fit([cells for _, _, cells in made], width, view.sort)
    columns = [Column(FIELDS[at].title, FIELDS[at].least, FIELDS[at].right) for at in fields]
    used = sum(sizes) + GAP * (len(sizes) - 1)
    sparks = spark_cells(width - used - GAP)
    head = aligned([_heading(at, view) for at in fields], columns, sizes)
    head.append(" " * (used - head.cell_len + GAP) + "last minute"[:sparks])
    head.stylize("dim")
    lines = [head]
    for marked, track, cells in made:
        line = aligned([cells[at] for at in fields], columns, sizes)
        line.append(" " * (used - line.cell_len + (GAP if sparks else 0)))
        if marked:
            line.stylize("reverse")  # before the sparkline, which would look inverted
        if sparks and track is not None:
            line.append(sparkline(track.minute(sparks), glyphs.spark), "cyan")
        lines.append(line)
    return lines


def _heading(at: int, view: View) -> Text:
    style = "bold underline" if FIELDS[at].sort == view.sort else ""
    return Text(FIELDS[at].title, style)


def _directions(item: Item) -> list[tuple[bool, Flow | None, Track | None]]:
    if item.seen is None or not item.seen.flows:
        return [(True, None, None)]
    return [(at == 0, flow, track) for at, (flow, track) in enumerate(item.seen.flows)]


def _cells(
    item: Item, flow: Flow | None, track: Track | None, first: bool, glyphs: Glyphs
) -> list[Text]:
    """Return a cell for each of FIELDS; cells of the device itself are in its first row only."""
    rate = track.rate() if track else None
    kind = item.seen.subject.kind if item.seen else ""
    queued = "" if item.queued is None else units.short(item.queued)
    moving = "bold green" if rate and rate.messages else "dim"
    dropped = flow.dropped if flow else 0
    blocked = rate.blocked if rate else 0.0
    sides = item.seen.subject.sides if item.seen else ()
    peers = "/".join(str(side.peers.connected) for side in sides)
    return [
        piece(shorten(item.name, NAME_WIDTH, glyphs.cut) if first else "", "bold"),
        piece(kind if first else "", "dim"),
        piece(item.state, STATE_STYLES.get(item.state, "red")) if first else Text(),
        piece(flow.name if flow else ""),
        Text(units.short(rate.messages) if rate else "", moving),
        Text(units.size(rate.bytes) if rate else ""),
        Text(units.short(flow.messages) if flow else ""),
        Text(units.size(flow.bytes) if flow else ""),
        Text(units.share(blocked) if rate else "", "yellow" if blocked >= 0.01 else "dim"),
        Text(units.short(dropped) if flow else "", "red" if dropped else "dim"),
        Text(peers if first else ""),
        Text(units.short(item.failed) if first and item.failed else "", "red"),
        Text(queued if first else ""),
        _disk(item) if first else Text(),
    ]


def _disk(item: Item) -> Text:
    if item.disk is None:
        return Text()
    size, full = item.disk
    return Text(units.size(size), "bold red" if full else "")


def _those_that_fit(
    rows: Sequence[Sequence[Text]], width: int, sort: str
) -> tuple[list[int], list[int]]:
    """Return the indexes and widths of the FIELDS that fit; the sort column always stays."""
    ranks = [0 if field.sort == sort else field.rank for field in FIELDS]
    kept = [at for at, field in enumerate(FIELDS) if field.always or any(row[at] for row in rows)]
    while True:
        columns = [Column(FIELDS[at].title, FIELDS[at].least) for at in kept]
        sizes = widths(columns, [[row[at] for at in kept] for row in rows])
        gives_way = max(ranks[at] for at in kept) > SPARK_RANK
        spark = GAP + SPARKS[-1] if gives_way else 0
        if sum(sizes) + GAP * (len(sizes) - 1) + spark <= width or len(kept) <= 2:
            return kept, sizes
        kept.remove(max(kept, key=lambda at: (ranks[at], at)))
