"""A report of a bench as Markdown, to be put into a README as it is."""

from __future__ import annotations

from collections.abc import Iterator

from zmqdev.tools.bench.report import Report
from zmqdev.tools.bench.report_rows import ReportTable, legend, noise_lines, results, targets


def markdown(report: Report, *, with_targets: bool) -> str:
    """Machine, date and command; results; with the standard set, what they should be."""
    parts = [f"`{report.command}` on {report.machine.line()}."]
    parts.append("\n".join(_table(results(report))))
    parts.append("\n".join(f"- {line}" for line in legend(report)))
    if with_targets:
        parts.append("\n".join(_table(targets(report))))
    parts += [line[0].upper() + line[1:] + "." for line in noise_lines(report)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(table: ReportTable) -> Iterator[str]:
    yield _row(table.columns)
    yield _row(["---"] * len(table.columns))
    for row in table.rows:
        yield _row(row)


def _row(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
