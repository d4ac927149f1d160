r"""A pattern for bytes: `*` is any bytes, `?` one byte, `\*`, `\?` and `\\` are themselves.

Anchored at both ends. No regular expressions: POSIX costs four times a rule, and a Python
function has `re`. What the first `*` matched is the shortest that lets the rest match.
"""

from __future__ import annotations

from dataclasses import dataclass

STAR = ord("*")
ONE = ord("?")
ESCAPE = ord("\\")
ANY = None
"""A place of a segment that any byte fits."""

Segment = tuple[int | None, ...]


@dataclass(frozen=True)
class Pattern:
    """`text` as it was written; `segments` are what stands between the stars."""

    text: str
    segments: tuple[Segment, ...]

    @property
    def literal(self) -> bytes | None:
        """The only bytes that match, where there is no wildcard."""
        (first, *more) = self.segments
        return None if more or ANY in first else bytes(byte for byte in first if byte is not None)

    @property
    def prefix(self) -> bytes:
        """Bytes that everything that matches begins with."""
        first = self.segments[0]
        end = first.index(ANY) if ANY in first else len(first)
        return bytes(byte for byte in first[:end] if byte is not None)


def parse(text: str) -> Pattern:
    """ValueError for a lone backslash."""
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
    """What the first `*` matched (b"" where there is none); None when the pattern does not fit."""
    first, *rest = pattern.segments
    if not _fits(first, data, 0):
        return None
    if not rest:
        return b"" if len(data) == len(first) else None
    *middle, last = rest
    end = len(data) - len(last)
    at, taken = len(first), None
    for segment in middle:
        found = _find(segment, data, at, end)
        if found < 0:
            return None
        taken = data[at:found] if taken is None else taken
        at = found + len(segment)
    if end < at or not _fits(last, data, end):
        return None
    return data[at:end] if taken is None else taken


def _fits(segment: Segment, data: bytes, at: int) -> bool:
    piece = data[at : at + len(segment)]
    return len(piece) == len(segment) and all(
        byte in (ANY, there) for byte, there in zip(segment, piece, strict=True)
    )


def _find(segment: Segment, data: bytes, start: int, end: int) -> int:
    """The first place from `start` where the segment fits and ends by `end`; -1 for none."""
    for at in range(start, end - len(segment) + 1):
        if _fits(segment, data, at):
            return at
    return -1
