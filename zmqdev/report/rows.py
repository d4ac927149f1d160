"""Rows of styled text: packing, columns, and what to drop when space is short.

A row has a rank. When a terminal has too few lines, rows of the highest rank are
dropped first, from the bottom up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from rich.text import Text

GAP = 2


class Rank(IntEnum):
    """How soon a row is dropped: the highest rank first."""

    FLOW = 0
    DROPS = 1
    SIDE = 2
    SPARK = 3
    PEERS = 4
    HEAD = 5
    MORE = 6
    LEAST = 7
    GAP = 8


@dataclass(frozen=True)
class Row:
    """One line of the screen."""

    text: Text
    rank: Rank = Rank.FLOW


def piece(content: str, style: str = "") -> Text:
    """Return text without control characters, because names and addresses come from peers."""
    return Text("".join(c if c.isprintable() else "?" for c in content), style=style)


def shorten(content: str, width: int, cut: str) -> str:
    """Shorten to `width` characters by cutting the middle, since addresses differ at their ends."""
    if len(content) <= width:
        return content
    if width <= len(cut):
        return content[: max(0, width)]
    left = (width - len(cut)) // 2
    right = width - len(cut) - left
    return content[:left] + cut + content[len(content) - right :]


def fitted(text: Text, width: int) -> Text:
    """Return the text, cut on the right if necessary."""
    if text.cell_len > width:
        text = text.copy()
        text.truncate(max(0, width), overflow="crop")
    return text


def packed(pieces: Iterable[Text], width: int, between: str) -> list[Text]:
    """Put pieces on as few lines as `width` allows, without breaking any."""
    lines: list[Text] = []
    for item in pieces:
        if lines and lines[-1].cell_len + len(between) + item.cell_len <= width:
            lines[-1] = Text.assemble(lines[-1], (between, "dim"), item)
        else:
            lines.append(item.copy())
    return [fitted(line, width) for line in lines]


def worded(content: str, width: int, style: str, indent: int) -> list[Text]:
    """Return a sentence on as many lines as it needs, broken between words."""
    words = [piece(word, style) for word in content.split(" ")]
    lines = packed(words, max(1, width - indent), " ")
    return [Text.assemble(" " * indent, line) for line in lines]


@dataclass(frozen=True)
class Column:
    """A column. `least` keeps it from jumping while numbers grow; `right` aligns them."""

    title: str
    least: int = 0
    right: bool = True


def widths(columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> list[int]:
    """Return the width of each column."""
    return [
        max([column.least, len(column.title), *(row[place].cell_len for row in rows)])
        for place, column in enumerate(columns)
    ]


def aligned(cells: Sequence[Text], columns: Sequence[Column], sizes: Sequence[int]) -> Text:
    """Return one line of a table."""
    line = Text()
    for place, (cell, column, size) in enumerate(zip(cells, columns, sizes, strict=True)):
        line.append(" " * (GAP if place else 0))
        room = " " * (size - cell.cell_len)
        line.append(room if column.right else "").append_text(cell)
        line.append("" if column.right else room)
    line.rstrip()
    return line


def fit(rows: Sequence[Row], height: int) -> list[Text]:
    """Return the rows that fit, in their order.

    When rows of the most important rank are missing, the last line says so.
    """
    kept = list(rows)
    flows = sum(row.rank == Rank.FLOW for row in kept)
    if flows > height > 1:
        first = [row for row in kept if row.rank == Rank.FLOW][: height - 1]
        return [*(row.text for row in first), Text(f"and {flows - height + 1} more rows", "dim")]
    while len(kept) > height:
        worst = max(row.rank for row in kept)
        place = max(place for place, row in enumerate(kept) if row.rank == worst)
        del kept[place]
    return [row.text for row in kept]
