"""Directions as rows: numbers in columns, and the last minute as a sparkline.

The widths of the numbers decide the form. The sparkline is in the row when it fits,
else below it; when the numbers themselves do not fit, they are stacked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from zmqdev.report.glyphs import Glyphs, bar, sparkline
from zmqdev.report.rows import (
    GAP,
    Column,
    Rank,
    Row,
    aligned,
    packed,
    piece,
    shorten,
    widths,
    worded,
)
from zmqdev.stats import units
from zmqdev.stats.rates import Rate, Seen, Track
from zmqdev.stats.snapshot import Flow

# Numbers of parts into which the last minute can be divided, each of whole seconds.
SPARKS = (60, 30, 20, 15, 12, 10)
# Narrower terminals get no columns.
NARROW = 60
_NAME = Column("", right=False)
_NUMBERS = (Column("msg/s", 6), Column("bytes/s", 8), Column("messages", 8), Column("bytes", 8))
_OF_TOPICS = (Column("msg/s", 6), Column("messages", 8), Column("bytes", 8))
_BLOCKED = (Column("blocked", 7),)
_STATE = Column("state", 7, right=False)
# The forms of a table of devices, from all columns to the essential ones;
# `_device_cells` fills them.
_FORMS = (
    (_NAME, _STATE, _NAME, Column("peers"), *_NUMBERS, *_BLOCKED),
    (_NAME, _STATE, _NAME, *_NUMBERS[:3], *_BLOCKED),
    (_NAME, _NAME, *_NUMBERS[:2]),
    (_NAME, _NUMBERS[0]),
)


@dataclass(frozen=True)
class Grid:
    """Numbers in columns, followed by a sparkline of `sparks` parts."""

    columns: Sequence[Column]
    cells: Sequence[Sequence[Text]]
    sizes: Sequence[int]
    sparks: int

    @classmethod
    def of(cls, columns: Sequence[Column], cells: Sequence[Sequence[Text]], width: int) -> Grid:
        """Lay out cells for a width."""
        sizes = widths(columns, cells)
        used = sum(sizes) + GAP * (len(sizes) - 1)
        return cls(columns, cells, sizes, spark_cells(width - used - GAP))

    @property
    def used(self) -> int:
        """Return the width without the sparkline."""
        return sum(self.sizes) + GAP * (len(self.sizes) - 1)

    def head(self) -> Row:
        """Return the row of titles."""
        titles = [Text(column.title) for column in self.columns]
        title = "last minute" if self.sparks >= len("last minute") else "minute"
        line = self._joined(titles, Text(title) if self.sparks else Text())
        line.stylize("dim")
        return Row(line, Rank.HEAD)

    def row(self, place: int, track: Track | None, glyphs: Glyphs) -> Row:
        """Return one row of cells with its sparkline."""
        minute = _spark(track, self.sparks, glyphs) if self.sparks and track else Text()
        return Row(self._joined(self.cells[place], minute))

    def _joined(self, cells: Sequence[Text], minute: Text) -> Text:
        line = aligned(cells, self.columns, self.sizes)
        if not minute:
            return line
        return Text.assemble(line, " " * (self.used - line.cell_len + GAP), minute)


def flow_rows(item: Seen, width: int, glyphs: Glyphs) -> Iterator[Row]:
    """Yield the directions of one subject."""
    blocks = any(flow.blocked_ns is not None for flow, _ in item.flows)
    columns = (_NAME, *_NUMBERS, *(_BLOCKED if blocks else ()))
    cells = [
        [Text(flow.name, "bold"), *_numbers(flow, track, blocks=blocks, over=item.subject.over)]
        for flow, track in item.flows
    ]
    grid = Grid.of(columns, cells, width)
    if width < max(grid.used, NARROW):
        for flow, track in item.flows:
            yield from _stacked(flow, track, width, glyphs)
        return
    indent = grid.sizes[0] + GAP
    yield grid.head()
    for place, (flow, track) in enumerate(item.flows):
        yield grid.row(place, track, glyphs)
        yield from _drops(flow, width, indent)
        if not grid.sparks:
            yield _spark_row(track, width, glyphs, indent)


def device_rows(
    seen: Sequence[Seen], width: int, glyphs: Glyphs, states: Mapping[str, str]
) -> Iterator[Row]:
    """Yield a table of several subjects: a row for each direction, in the widest form that fits.

    A subject without numbers has a row with its state.
    """
    flows = [(item, flow, track) for item in seen for flow, track in item.flows or _NOTHING]
    for form, columns in enumerate(_FORMS):
        cells = [_device_cells(form, *flow, states, glyphs) for flow in flows]
        grid = Grid.of(columns, cells, width)
        if grid.used <= width:
            break
    indent = grid.sizes[0] + GAP
    yield grid.head()
    for place, (item, flow, track) in enumerate(flows):
        yield grid.row(place, track, glyphs)
        if flow is not None:
            yield from _drops(flow, width, indent)
        if item.subject.note and flow is _last(item):
            for line in worded(item.subject.note, width, "yellow", indent):
                yield Row(line, Rank.MORE)


_NOTHING: tuple[tuple[Flow | None, Track | None], ...] = ((None, None),)


def _last(item: Seen) -> Flow | None:
    return item.flows[-1][0] if item.flows else None


def _device_cells(
    form: int,
    item: Seen,
    flow: Flow | None,
    track: Track | None,
    states: Mapping[str, str],
    glyphs: Glyphs,
) -> list[Text]:
    """Return the cells of a row in one of `_FORMS`."""
    subject = item.subject
    first = flow is None or flow is item.flows[0][0]
    name = piece(shorten(subject.name, 24, glyphs.cut), "bold" if first else "dim")
    state = Text(subject.state, states.get(subject.state, "dim")) if first else Text()
    peers = Text("/".join(str(side.peers.connected) for side in subject.sides) if first else "")
    if flow is None or track is None:
        # In forms without a column for states, a subject without directions shows its
        # state here.
        numbers, direction = [Text()] * 5, Text() if form < 2 else state
    else:
        numbers = _numbers(flow, track, blocks=True, over=subject.over)
        # In these forms, a subject that has ended shows its state in place of a rate.
        if subject.over and form >= 2:
            numbers[0] = Text(subject.state, states.get(subject.state, "dim"))
        direction = Text(flow.name)
    return (
        [name, state, direction, peers, *numbers],
        [name, state, direction, *numbers[:3], numbers[4]],
        [name, direction, *numbers[:2]],
        [name, numbers[0]],
    )[form]


def expected_row(item: Seen, width: int, glyphs: Glyphs) -> Iterator[Row]:
    """Yield a progress bar when the number of messages is known."""
    expected = item.subject.expected
    if not expected or not item.flows:
        return
    flow, track = item.flows[0]
    done = flow.messages / expected
    words = f" {units.share(done)} of {units.exact(expected)}{_left(expected, flow, track.rate())}"
    room = width - len(words)
    if room < 10:
        yield Row(Text(bar(done, width, glyphs), "green"))
        yield Row(Text(words.strip()))
    else:
        yield Row(Text.assemble((bar(done, min(room, 60), glyphs), "green"), words))


def topic_rows(details: Mapping[str, Any], width: int, glyphs: Glyphs) -> Iterator[Row]:
    """Yield a row for each topic, when an endpoint counts them."""
    topics = details.get("topics", ())
    if not topics:
        return
    cells = [
        [
            piece(shorten(topic["name"], width // 3, glyphs.cut)),
            Text(units.short(topic["rate"]), "bold green" if topic["rate"] else "dim"),
            Text(units.short(topic["messages"])),
            Text(units.size(topic["bytes"])),
        ]
        for topic in topics
    ]
    columns = (Column(units.counted(details["topic_count"], "topic"), right=False), *_OF_TOPICS)
    sizes = widths(columns, cells)
    head = aligned([Text(column.title) for column in columns], columns, sizes)
    head.stylize("dim")
    yield Row(Text(), Rank.GAP)
    yield Row(head, Rank.MORE)
    for row in cells:
        yield Row(aligned(row, columns, sizes), Rank.MORE)


def _left(expected: int, flow: Flow, rate: Rate) -> str:
    if rate.messages <= 0 or flow.messages >= expected:
        return ""
    return f", {units.clock((expected - flow.messages) / rate.messages)} left"


def _numbers(flow: Flow, track: Track, *, blocks: bool, over: bool) -> list[Text]:
    """Return the cells of a direction; one that has ended has no rate."""
    rate = track.rate()
    moving = "bold green" if rate.messages else "dim"
    cells = [
        Text() if over else Text(units.short(rate.messages), moving),
        Text() if over else Text(units.size(rate.bytes)),
        Text(units.short(flow.messages)),
        Text(units.size(flow.bytes)),
    ]
    return [*cells, Text() if over else _blocked(flow, rate)] if blocks else cells


def _blocked(flow: Flow, rate: Rate) -> Text:
    if flow.blocked_ns is None:
        return Text()
    return Text(units.share(rate.blocked), "yellow" if rate.blocked >= 0.01 else "dim")


def _stacked(flow: Flow, track: Track, width: int, glyphs: Glyphs) -> Iterator[Row]:
    """Yield one direction in a narrow terminal."""
    rate = track.rate()
    now = [
        Text.assemble((f"{flow.name} ", "bold"), (units.message_rate(rate.messages), "green")),
        Text(units.byte_rate(rate.bytes)),
    ]
    total = [Text(f"total {units.short(flow.messages)}"), Text(units.size(flow.bytes))]
    if rate.blocked:
        total.append(Text(f"blocked {units.share(rate.blocked)}", "yellow"))
    for line in packed(now, width, glyphs.dot):
        yield Row(line)
    for line in packed(total, width - 2, glyphs.dot):
        yield Row(Text.assemble("  ", line), Rank.MORE)
    yield from _drops(flow, width, indent=2)
    yield _spark_row(track, width, glyphs, indent=2)


def _drops(flow: Flow, width: int, indent: int) -> Iterator[Row]:
    if not flow.dropped:
        return
    reasons = (
        f"{units.exact(count)} {reason.replace('_', ' ')}" for reason, count in flow.drops.items()
    )
    told = f"dropped {units.exact(flow.dropped)}: {', '.join(reasons)}"
    for line in worded(told, width, "red", indent):
        yield Row(line, Rank.DROPS)


def _spark_row(track: Track, width: int, glyphs: Glyphs, indent: int) -> Row:
    cells = spark_cells(width - indent)
    text = _spark(track, cells, glyphs) if cells else Text()
    return Row(Text.assemble(" " * indent, text), Rank.SPARK)


def spark_cells(room: int) -> int:
    """Return how many parts of the minute fit; 0 when too few to be useful."""
    return next((cells for cells in SPARKS if cells <= room), 0)


def _spark(track: Track, cells: int, glyphs: Glyphs) -> Text:
    return Text(sparkline(track.minute(cells), glyphs.spark), "cyan")
