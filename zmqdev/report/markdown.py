"""Markdown as a terminal shows it."""

from __future__ import annotations

import io
from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, TableElement
from rich.table import Table

# Longer lines are hard to read.
_WIDEST = 100


class _WholeTable(TableElement):
    """A table whose cells are broken where there is no room, not cut: they hold option names."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for made in super().__rich_console__(console, options):
            if isinstance(made, Table):
                for column in made.columns:
                    column.overflow = "fold"
            yield made


class _Page(Markdown):
    elements: ClassVar = {**Markdown.elements, "table_open": _WholeTable}


def rendered(text: str) -> str:
    """The text with headings, tables and code laid out for this terminal; colours as it has
    them and NO_COLOR allows."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True)
    console.width = min(console.width, _WIDEST)
    console.print(_Page(text, hyperlinks=False, code_theme="ansi_dark"))
    return out.getvalue()
