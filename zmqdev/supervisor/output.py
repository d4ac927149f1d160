"""The lines of many parts in one stream, each with the name of its part in front. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# Colours of xterm's 256 with a contrast of at least 4 to 1 on white and on black (WCAG
# 2). The first sixteen are left out because terminals show them differently.
COLOURS = (30, 130, 28, 163, 63, 131, 31, 98, 64, 132, 27, 97)
# Bytes; a part that writes no newline must not fill the memory.
LONGEST = 64 * 1024
_PRIORITY = re.compile(rb"<[0-7]>")
_RESET = b"\x1b[0m"


class Voice:
    """The output of one part: chunks in, whole lines with a prefix out."""

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        self._rest = b""

    def lines(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the lines that are complete, without prefix and newline; too long ones are cut."""
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        yield from whole
        while len(self._rest) > LONGEST:
            yield self._rest[:LONGEST]
            self._rest = self._rest[LONGEST:]

    def rest(self) -> Iterator[bytes]:
        """Yield what is left after the last newline, at the end."""
        rest, self._rest = self._rest, b""
        if rest:
            yield rest

    def say(self, lines: Iterable[bytes]) -> bytes:
        """Return lines with their prefix."""
        return b"".join(self._said(line) for line in lines)

    def _said(self, line: bytes) -> bytes:
        """Return the line with its prefix; a priority for the journal stays in front."""
        priority = _PRIORITY.match(line)
        if priority is None:
            return b"%s%s\n" % (self._prefix, line)
        return b"%s%s%s\n" % (priority[0], self._prefix, line[priority.end() :])


def prefixes(names: Iterable[str], *, colour: bool) -> dict[str, bytes]:
    """Return {name: prefix}, all of the width of the longest name, each in another colour."""
    names = list(names)
    width = max(map(len, names), default=0)
    made = {}
    for number, name in enumerate(names):
        text = f"{name:<{width}} | ".encode()
        code = COLOURS[number % len(COLOURS)]
        made[name] = b"\x1b[38;5;%dm%s%s" % (code, text, _RESET) if colour else text
    return made
