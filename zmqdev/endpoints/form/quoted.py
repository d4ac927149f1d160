r"""Frames as quoted text: `"ACME" "189.20" "\x00\xff"`, and back.

Printable characters stay unchanged. A quote, a backslash and everything unprintable becomes `\"`,
`\\`, `\n`, `\r`, `\t` or `\xNN`, byte by byte. So one message is always one line, and no message
can control a terminal.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(rb"[ !#-\[\]-~]*")
_NAMED = {0x22: '\\"', 0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}
_FROM_NAME = {b'"': b'"', b"\\": b"\\", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.?))", re.DOTALL)
_FRAME = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)


def quote(frame: bytes) -> bytes:
    """Return `frame` in double quotes."""
    if _PLAIN.fullmatch(frame):
        return b'"' + frame + b'"'
    return b'"' + visible(frame, quotes=True) + b'"'


def visible(frame: bytes, quotes: bool = False) -> bytes:
    """Return `frame` with unprintable bytes escaped.

    With `quotes`, quotes, backslashes, tabs and newlines are escaped too.
    """
    kept = "" if quotes else '"\\\t\n'
    shown = []
    for character in frame.decode(errors="surrogateescape"):
        code = ord(character)
        if character in kept or (character.isprintable() and code not in _NAMED):
            shown.append(character)
        elif code in _NAMED:
            shown.append(_NAMED[code])
        else:
            hidden = character.encode(errors="surrogateescape")
            shown.append("".join(f"\\x{byte:02x}" for byte in hidden))
    return "".join(shown).encode()


def unquote(line: bytes, separator: bytes) -> list[bytes]:
    """Parse a line into frames; ValueError when it is not quoted text.

    The frames are in double quotes with `separator` between them; blanks around the line are
    ignored.
    """
    frames, at, line = [], 0, line.strip()
    while True:
        match = _FRAME.match(line, at)
        if not match:
            raise ValueError(f"expected a text in double quotes at byte {at + 1}")
        frames.append(_unescaped(match[1]))
        at = match.end()
        if at == len(line):
            return frames
        if not line.startswith(separator, at):
            raise ValueError(f"expected {separator!r} between frames at byte {at + 1}")
        at += len(separator)


def _unescaped(text: bytes) -> bytes:
    return _ESCAPE.sub(_escape, text) if b"\\" in text else text


def _escape(match: re.Match[bytes]) -> bytes:
    if match[1] is not None:
        return bytes.fromhex(match[1].decode())
    name: bytes = match[2]
    if name not in _FROM_NAME:
        raise ValueError(f"unknown escape \\{name.decode(errors='replace')}")
    return _FROM_NAME[name]
