"""Markdown laid out for a terminal."""

from __future__ import annotations

import io
from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, TableElement
from rich.table import Table

# Columns; longer lines are hard to read.
_WIDEST = 100


class _WholeTable(TableElement):
    """A table whose cells wrap instead of being cut, since they hold option names."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for made in super().__rich_console__(console, options):
            if isinstance(made, Table):
                for column in made.columns:
                    column.overflow = "fold"
            yield made


class _Page(Markdown):
    elements: ClassVar = {**Markdown.elements, "table_open": _WholeTable}


def rendered(text: str) -> str:
    """Lay out headings, tables and code for this terminal.

    Colours are used where the terminal has them and NO_COLOR is not set.
    """
    out = io.StringIO()
    console = Console(file=out, force_terminal=True)
    console.width = min(console.width, _WIDEST)
    console.print(_Page(text, hyperlinks=False, code_theme="ansi_dark"))
    return out.getvalue()
