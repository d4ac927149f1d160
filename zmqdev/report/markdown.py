"""Markdown as a terminal shows it."""

from __future__ import annotations

import io

from rich.console import Console
from rich.markdown import Markdown

# Longer lines are hard to read; tables may use what there is.
_WIDEST = 100


def rendered(text: str) -> str:
    """The text with headings, tables and code laid out for this terminal; colours as it has
    them and NO_COLOR allows."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True)
    console.width = min(console.width, _WIDEST)
    console.print(Markdown(text, hyperlinks=False))
    return out.getvalue()
