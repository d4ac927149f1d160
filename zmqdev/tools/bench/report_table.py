"""The report of a bench as a table on the terminal."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from zmqdev.tools.bench.report import Report
from zmqdev.tools.bench.report_rows import ReportTable, legend, noise_lines, results

LEFT = ("load", "between")
WIDE = 160
"""Width in characters of a table that goes to a file or a pipe, where nothing is cut."""


def print_report(report: Report, out: TextIO) -> None:
    """Print the table, the legend, the machine and the warnings about noise."""
    console = Console(file=out, highlight=False, width=None if out.isatty() else WIDE)
    console.print(_rich(results(report)))
    console.print(Text("\n".join(legend(report)), style="dim"))
    console.print(Text(report.machine.line(), style="dim"))
    for line in noise_lines(report):
        console.print(Text(line, style="yellow"))


def _rich(table: ReportTable) -> RichTable:
    made = RichTable(box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        made.add_column(column, justify="left" if column in LEFT else "right", no_wrap=True)
    for at, row in enumerate(table.rows):
        if at in table.starts and at:
            made.add_row()
        made.add_row(*(Text(cell) for cell in row))
    return made
