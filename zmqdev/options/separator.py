r"""A separator between frames as people write it: a bar, `\t`, `\x1f`, `\0`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zmqdev.options.escapes import escape, unescape
from zmqdev.options.types import Plain, Scalar, expected


def parse_separator(text: str) -> bytes:
    """Return at least one byte; ValueError lists the known escapes."""
    made = unescape(text)
    if not made:
        raise ValueError("the separator is empty")
    return made


@dataclass(frozen=True)
class Separator(Scalar):
    """Bytes, written as text with escapes."""

    metavar: str = "SEP"

    def parse(self, raw: object, *, text: bool) -> bytes:
        if not isinstance(raw, str):
            raise expected("text", raw)
        return parse_separator(raw)

    def plain(self, value: bytes) -> Plain:
        return escape(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}
