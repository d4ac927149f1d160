"""Text from strangers, made safe for a terminal and for one line.

Peers influence names, reasons and addresses. An escape sequence would steer the
reader's terminal, a newline would fake a line of ours, and a control character for text
direction would reverse the rest.
"""

from __future__ import annotations

import json


def escaped(text: str) -> str:
    r"""Return `text` with unprintable characters as `\x1b` or `\u202e`; tabs stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else _escape(ord(c)) for c in text)


def escaped_json(text: str) -> str:
    """Return JSON text with unprintable characters escaped; its value stays the same."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\t\n" else json.dumps(c)[1:-1] for c in text)


def _escape(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # a byte outside UTF-8, kept by surrogateescape
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
