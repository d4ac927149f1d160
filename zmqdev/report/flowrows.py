"""Directions as rows: numbers in columns, the last minute as a sparkline.

The widths that the numbers need decide the form: the sparkline stands in the row
when there is room, under it when not; and where even the numbers have no room, they
stand one below the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from zmqdev.report import units
from zmqdev.report.glyphs import Glyphs, bar, sparkline
from zmqdev.report.rates import Rate, Track
from zmqdev.report.record import Seen
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
from zmqdev.report.subject import Reading

# Parts of the last minute: whole seconds each.
SPARKS = (60, 30, 20, 15, 12, 10)
# Below this width nothing stands in columns.
NARROW = 60
_NAME = Column("", right=False)
_NUMBERS = (Column("msg/s", 6), Column("bytes/s", 8), Column("messages", 8), Column("bytes", 8))
_BLOCKED = (Column("blocked", 7),)
_SPARK_STYLE = "cyan"


def flow_rows(item: Seen, width: int, glyphs: Glyphs) -> Iterator[Row]:
    """The directions of one subject."""
    blocks = any(flow.blocked_ns is not None for flow, _ in item.flows)
    columns = (_NAME, *_NUMBERS, *(_BLOCKED if blocks else ()))
    table = [
        [Text(flow.name, "bold"), *_numbers(flow, track, blocks)] for flow, track in item.flows
    ]
    sizes = widths(columns, table)
    used = sum(sizes) + GAP * (len(sizes) - 1)
    if used > width or width < NARROW:
        for flow, track in item.flows:
            yield from _stacked(flow, track, width, glyphs)
        return
    cells = spark_cells(width - used - GAP)
    head = aligned([Text(column.title) for column in columns], columns, sizes)
    if cells:
        head.append(" " * (used - head.cell_len + GAP)).append(_minute_title(cells))
    head.stylize("dim")
    yield Row(head, Rank.HEAD)
    for cell, (flow, track) in zip(table, item.flows, strict=True):
        line = aligned(cell, columns, sizes)
        if cells:
            line.append(" " * (used - line.cell_len + GAP)).append_text(
                _spark(track, cells, glyphs)
            )
        yield Row(line)
        yield from _drops(flow, width, indent=sizes[0] + GAP)
        if not cells:
            yield _spark_row(track, width, glyphs, indent=sizes[0] + GAP)


def device_rows(
    seen: Sequence[Seen], width: int, glyphs: Glyphs, states: Mapping[str, str]
) -> Iterator[Row]:
    """A table of several subjects: a row for each direction."""
    flows = [(item, flow, track) for item in seen for flow, track in item.flows]
    named = (Column("", right=False), Column("state", 7, right=False), Column("", right=False))
    forms = (
        (*named, Column("peers"), *_NUMBERS, *_BLOCKED),
        (*named, *_NUMBERS[:3], *_BLOCKED),
        (named[0], named[2], *_NUMBERS[:2]),
        (named[0], _NUMBERS[0]),
    )
    for form, columns in enumerate(forms):
        table = [_device_cells(form, *flow, states, glyphs) for flow in flows]
        sizes = widths(columns, table)
        used = sum(sizes) + GAP * (len(sizes) - 1)
        if used <= width:
            break
    cells = spark_cells(width - used - GAP)
    head = aligned([Text(column.title) for column in columns], columns, sizes)
    head.append(" " * (used - head.cell_len + GAP)).append(_minute_title(cells) if cells else "")
    head.stylize("dim")
    yield Row(head, Rank.HEAD)
    for line_cells, (_, flow, track) in zip(table, flows, strict=True):
        line = aligned(line_cells, columns, sizes)
        if cells:
            line.append(" " * (used - line.cell_len + GAP)).append_text(
                _spark(track, cells, glyphs)
            )
        yield Row(line)
        yield from _drops(flow, width, indent=sizes[0] + GAP)


def _device_cells(
    form: int, item: Seen, flow: Reading, track: Track, states: Mapping[str, str], glyphs: Glyphs
) -> list[Text]:
    """The cells of a row in one of the forms of `device_rows`."""
    subject = item.subject
    first = flow is item.flows[0][0]
    name = piece(shorten(subject.name, 24, glyphs.cut), "bold" if first else "dim")
    state = Text(subject.state, states.get(subject.state, "dim")) if first else Text()
    peers = Text("/".join(str(side.peers.connected) for side in subject.sides) if first else "")
    numbers = _numbers(flow, track, blocks=True)
    direction = Text(flow.name)
    return (
        [name, state, direction, peers, *numbers],
        [name, state, direction, *numbers[:3], numbers[4]],
        [name, direction, *numbers[:2]],
        [name, numbers[0]],
    )[form]


def expected_row(item: Seen, width: int, glyphs: Glyphs) -> Iterator[Row]:
    """A progress bar, when it is known how many there will be."""
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


def _left(expected: int, flow: Reading, rate: Rate) -> str:
    if rate.messages <= 0 or flow.messages >= expected:
        return ""
    return f", {units.clock((expected - flow.messages) / rate.messages)} left"


def _numbers(flow: Reading, track: Track, blocks: bool) -> list[Text]:
    rate = track.rate()
    moving = "bold green" if rate.messages else "dim"
    cells = [
        Text(units.short(rate.messages), moving),
        Text(units.size(rate.bytes)),
        Text(units.short(flow.messages)),
        Text(units.size(flow.bytes)),
    ]
    return [*cells, _blocked(flow, rate)] if blocks else cells


def _blocked(flow: Reading, rate: Rate) -> Text:
    if flow.blocked_ns is None:
        return Text()
    return Text(units.share(rate.blocked), "yellow" if rate.blocked >= 0.01 else "dim")


def _stacked(flow: Reading, track: Track, width: int, glyphs: Glyphs) -> Iterator[Row]:
    """One direction in a narrow terminal."""
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


def _drops(flow: Reading, width: int, indent: int) -> Iterator[Row]:
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
    """How many parts of the minute there is room for; 0 when too few to mean anything."""
    return next((cells for cells in SPARKS if cells <= room), 0)


def _minute_title(cells: int) -> str:
    return "last minute" if cells >= len("last minute") else "minute"


def _spark(track: Track, cells: int, glyphs: Glyphs) -> Text:
    return Text(sparkline(track.minute(cells), glyphs.spark), _SPARK_STYLE)
