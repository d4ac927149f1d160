r"""A pattern for bytes: `*` is any bytes, `?` one byte; `\*`, `\?` and `\\` are literal.

It is anchored at both ends. Regular expressions are not used: POSIX ones cost four
times as much for each rule, and a Python function can use `re`. The first `*` matches
the shortest text with which the rest matches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

STAR = ord("*")
ONE = ord("?")
ESCAPE = ord("\\")
ANY = None
"""The place of a `?` in a segment."""

Segment = tuple[int | None, ...]


@dataclass(frozen=True)
class Pattern:
    """`text` is the pattern as written; `segments` are the parts between stars."""

    text: str
    segments: tuple[Segment, ...]

    @cached_property
    def pieces(self) -> tuple[bytes | None, ...]:
        """Return the segments as bytes; None for one that contains a `?`."""
        return tuple(
            None if ANY in segment else bytes(byte for byte in segment if byte is not None)
            for segment in self.segments
        )

    @property
    def literal(self) -> bytes | None:
        """Return the only bytes that match, if there is no wildcard."""
        (first, *more) = self.segments
        return None if more or ANY in first else bytes(byte for byte in first if byte is not None)

    @property
    def prefix(self) -> bytes:
        """Return the bytes with which every match begins."""
        first = self.segments[0]
        end = first.index(ANY) if ANY in first else len(first)
        return bytes(byte for byte in first[:end] if byte is not None)


def parse(text: str) -> Pattern:
    """Parse a pattern; ValueError for a lone backslash."""
    segments: list[list[int | None]] = [[]]
    escaped = False
    for byte in text.encode(errors="surrogateescape"):
        if escaped:
            if byte not in (STAR, ONE, ESCAPE):
                raise ValueError(rf"{text!r}: \ stands before *, ? or \ only")
            segments[-1].append(byte)
            escaped = False
        elif byte == ESCAPE:
            escaped = True
        elif byte == STAR:
            segments.append([])
        else:
            segments[-1].append(ANY if byte == ONE else byte)
    if escaped:
        raise ValueError(rf"{text!r} ends in a lone \; write \\")
    return Pattern(text, tuple(map(tuple, segments)))


def match(pattern: Pattern, data: bytes) -> bytes | None:
    """Return what the first `*` matched (b"" without one); None when the pattern does not match."""
    segments, pieces = pattern.segments, pattern.pieces
    if not _fits(segments[0], pieces[0], data, 0):
        return None
    if len(segments) == 1:
        return b"" if len(data) == len(segments[0]) else None
    end = len(data) - len(segments[-1])
    at, taken = len(segments[0]), None
    for segment, piece in zip(segments[1:-1], pieces[1:-1], strict=True):
        found = _find(segment, piece, data, at, end)
        if found < 0:
            return None
        taken = data[at:found] if taken is None else taken
        at = found + len(segment)
    if end < at or not _fits(segments[-1], pieces[-1], data, end):
        return None
    return data[at:end] if taken is None else taken


def _fits(segment: Segment, piece: bytes | None, data: bytes, at: int) -> bool:
    if piece is not None:
        return data.startswith(piece, at)
    there = data[at : at + len(segment)]
    return len(there) == len(segment) and all(
        byte in (ANY, other) for byte, other in zip(segment, there, strict=True)
    )


def _find(segment: Segment, piece: bytes | None, data: bytes, start: int, end: int) -> int:
    """Return the first place from `start` where the segment matches and ends by `end`, or -1."""
    if piece is not None:
        return data.find(piece, start, end) if start <= end else -1
    for at in range(start, end - len(segment) + 1):
        if _fits(segment, piece, data, at):
            return at
    return -1
