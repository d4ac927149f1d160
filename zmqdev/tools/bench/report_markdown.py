"""The report of a bench as Markdown, ready to be pasted into a README."""

from __future__ import annotations

from collections.abc import Iterator

from zmqdev.tools.bench.report import Report
from zmqdev.tools.bench.report_rows import ReportTable, legend, noise_lines, results


def markdown(report: Report) -> str:
    """Return machine, date and command, the results, the legend, and warnings about noise."""
    parts = [f"`{report.command}` on {report.machine.line()}."]
    parts.append("\n".join(table(results(report))))
    parts.append("\n".join(f"- {line}" for line in legend(report)))
    parts += [line[0].upper() + line[1:] + "." for line in noise_lines(report)]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(found: ReportTable) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    yield _row(found.columns)
    yield _row(["---"] * len(found.columns))
    for row in found.rows:
        yield _row(row)


def _row(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
