r"""A separator between frames, as people write it: `|`, `\t`, `\x1f`, `\0`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from zmqdev.options.types import Plain, Scalar, expected

_NAMED = {"t": b"\t", "n": b"\n", "r": b"\r", "0": b"\0", "\\": b"\\"}
_NAMES = {byte[0]: f"\\{name}" for name, byte in _NAMED.items()}
_TOKEN = re.compile(r"\\x([0-9a-fA-F]{2})|\\(.?)|([^\\]+)", re.DOTALL)


def parse_separator(text: str) -> bytes:
    """At least one byte. Raises ValueError that names the escapes."""
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
    if not made:
        raise ValueError("a separator has at least one byte")
    return made


def format_separator(separator: bytes) -> str:
    """Text that `parse_separator` reads back as the same bytes."""
    return "".join(
        _NAMES.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}")
        for byte in separator
    )


@dataclass(frozen=True)
class Separator(Scalar):
    """Bytes, written as text with escapes."""

    metavar: str = "SEP"

    def parse(self, raw: object, *, text: bool) -> bytes:
        if not isinstance(raw, str):
            raise expected("text", raw)
        return parse_separator(raw)

    def plain(self, value: bytes) -> Plain:
        return format_separator(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}
