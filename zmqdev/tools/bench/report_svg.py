"""The report of a bench as an SVG chart: a panel for each case, a bar for each target.

Bars start at zero and end at the median; the thin line spans the least and the greatest
run. Each panel has its own scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from zmqdev.tools.bench.figures import Figure, figure, main_metric, of, ratio
from zmqdev.tools.bench.metric import Metric
from zmqdev.tools.bench.report import CaseRuns, Report
from zmqdev.tools.bench.report_rows import shown

WIDTH, LEFT, BARS, ROW, BAR, GAP, TOP = 760, 180, 360, 22, 14, 40, 98
BASELINE, OTHER, OURS = "#9aa0a6", "#c3c7cb", "#2a7de1"
OWN = ("native", "silent", "asked", "python", "block", "reliable", "device")
# As many of the widest letters as fit the width.
TITLE_CHARS, NOTE_CHARS = 84, 108
KEY = (
    "Blue is zmqdev, dark grey what the others are divided by, light grey what else there is.",
    "A bar is the median of all runs, the thin line goes from the least to the most of them.",
)
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.title{font-weight:600}.note{fill:#777}"
    "rect.back{fill:#fff}line{stroke:#333}"
)


@dataclass(frozen=True)
class Bar:
    """A bar of the chart: its name, figure, label and colour."""

    name: str
    figure: Figure
    label: str
    colour: str


def svg(report: Report) -> str:
    """Return the SVG document."""
    parts: list[str] = []
    y = TOP
    for case_runs in report.cases:
        drawn = list(bars(case_runs))
        if drawn:
            parts += _panel(case_runs, drawn, y)
            y += GAP + ROW * len(drawn)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" '
            f'height="{y}">',
            f"<style>{STYLE}</style>",
            f'<rect class="back" width="{WIDTH}" height="{y}"/>',
            _text(12, 20, _short(report.command, TITLE_CHARS), "title"),
            *(
                _text(12, 36 + 15 * at, _short(line, NOTE_CHARS), "note")
                for at, line in enumerate((*report.machine.line().split("; ", 1), *KEY))
            ),
            *parts,
            "</svg>\n",
        ]
    )


def bars(case_runs: CaseRuns) -> Iterator[Bar]:
    """Yield a bar for each target that was measured, in the order of the case."""
    metric, baseline = main_metric(case_runs), case_runs.case.baseline
    for name in case_runs.case.between:
        found = figure(of(case_runs.runs, name), metric)
        if found is not None:
            colour = BASELINE if name == baseline else OURS if name in OWN else OTHER
            yield Bar(name, found, _label(case_runs, metric, name, found), colour)


def _label(case_runs: CaseRuns, metric: Metric, name: str, found: Figure) -> str:
    times = ratio(case_runs.runs, metric, name, case_runs.case.baseline)
    value = shown(metric, found.typical)
    if times is None or name == case_runs.case.baseline:
        return value
    return f"{value}, {times.median:.2f} x"


def _panel(case_runs: CaseRuns, drawn: list[Bar], y: int) -> Iterator[str]:
    most = max(bar.figure.most for bar in drawn) or 1.0
    yield _text(12, y + 12, f"{case_runs.case.title}: {main_metric(case_runs).help}", "title")
    for at, bar in enumerate(drawn):
        yield from _bar(bar, y + 20 + at * ROW, BARS / most)


def _bar(bar: Bar, y: int, scale: float) -> Iterator[str]:
    length, middle = bar.figure.typical * scale, y + BAR / 2
    least, most = LEFT + bar.figure.least * scale, LEFT + bar.figure.most * scale
    yield _text(LEFT - 8, y + BAR - 3, bar.name, anchor="end")
    yield f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{bar.colour}"/>'
    yield f'<line x1="{least:.1f}" y1="{middle}" x2="{most:.1f}" y2="{middle}"/>'
    yield _text(most + 8, y + BAR - 3, bar.label)


def _text(x: float, y: float, words: str, class_: str = "", anchor: str = "start") -> str:
    named = f' class="{class_}"' if class_ else ""
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}"{named}>{escape(words)}</text>'


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
