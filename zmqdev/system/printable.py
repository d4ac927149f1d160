"""Names from strangers made safe for a terminal and for one line.

A peer has a say in names, reasons and addresses. An escape sequence in one would steer the
reader's terminal, a newline would fake a line of ours, a sign of writing direction would
turn the rest of it round.
"""

from __future__ import annotations

import json


def escaped(text: str) -> str:
    r"""`text` with what cannot be seen as `\x1b` or `\u202e`; tabs stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else _escape(ord(c)) for c in text)


def escaped_json(text: str) -> str:
    """The same for JSON that was written already: it stays the same value."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\t\n" else json.dumps(c)[1:-1] for c in text)


def _escape(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8, kept by surrogateescape
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
