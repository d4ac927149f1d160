r"""Bytes as people write them in text: `\t`, `\n`, `\r`, `\0`, `\\`, `\x1f`."""

from __future__ import annotations

import re

_NAMED = {"t": b"\t", "n": b"\n", "r": b"\r", "0": b"\0", "\\": b"\\"}
_NAMES = {byte[0]: f"\\{name}" for name, byte in _NAMED.items()}
_TOKEN = re.compile(r"\\x([0-9a-fA-F]{2})|\\(.?)|([^\\]+)", re.DOTALL)


def unescape(text: str) -> bytes:
    """Return the bytes that the text stands for; ValueError lists the known escapes."""
    made = b""
    for token in _TOKEN.finditer(text):
        digits, name, plain = token.groups()
        if digits:
            made += bytes.fromhex(digits)
        elif name is not None:
            if name not in _NAMED:
                raise ValueError(rf"unknown escape \{name}; known are \t \n \r \0 \\ \xNN")
            made += _NAMED[name]
        else:
            made += plain.encode(errors="surrogateescape")
    return made


def escape(value: bytes) -> str:
    """Return text that `unescape` turns into the same bytes; printable characters stay
    as they are."""
    return "".join(map(_escaped, value.decode(errors="surrogateescape")))


def _escaped(character: str) -> str:
    code = ord(character)
    if code in _NAMES:
        return _NAMES[code]
    if character.isprintable():
        return character
    hidden = character.encode(errors="surrogateescape")
    return "".join(f"\\x{byte:02x}" for byte in hidden)
