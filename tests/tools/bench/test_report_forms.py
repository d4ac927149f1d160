"""A bench as a person reads it: a table, Markdown, a chart, progress."""

from __future__ import annotations

import io
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from zmqdev.tools.bench.case import case
from zmqdev.tools.bench.load import LOADS
from zmqdev.tools.bench.machine import Machine
from zmqdev.tools.bench.options import BenchSpec
from zmqdev.tools.bench.report import CaseRuns, Report, Run
from zmqdev.tools.bench.report_markdown import markdown
from zmqdev.tools.bench.report_progress import BenchProgress
from zmqdev.tools.bench.report_rows import noise_lines, results
from zmqdev.tools.bench.report_svg import svg
from zmqdev.tools.bench.report_table import print_report

MACHINE = Machine("A <fast> & old", 2, "Linux 6", "3.11", "27", "4.3.5", "0.1", "2026-01-02", 0.0)
PIPELINE = case(LOADS["pipeline"], BenchSpec(between=("direct", "proxy", "native")), 16)
RATES = {"direct": (9e6, 9.1e6, 9e6), "proxy": (1e6, 1.2e6, 1e6), "native": (2e6, 2.1e6, 2.2e6)}


@pytest.fixture
def report() -> Report:
    runs = tuple(
        Run(name, round_, rate=rate, cpu=2e-7 if name != "direct" else None, sent=9, received=9)
        for name, rates in RATES.items()
        for round_, rate in enumerate(rates)
    )
    return Report(MACHINE, "zmqdev bench <a> & 'b'", 0.25, (CaseRuns(PIPELINE, runs),))


def test_columns_that_hold_nothing_are_left_out(report: Report) -> None:
    table = results(report)
    assert table.columns == ("load", "between", "msg/s", "CPU/msg", "lost", "ratio", "spread")
    assert table.rows[0][:4] == ("pipeline 16 B", "direct", "9.00 M", "")
    assert table.rows[1][5] == "1"
    assert table.rows[2] == ("", "native", "2.10 M", "200 ns", "0", "2.00 (1.75-2.20)", "10 %")


def test_the_table_has_all_and_is_cut_nowhere(report: Report) -> None:
    out = io.StringIO()
    print_report(report, out)
    text = out.getvalue()
    assert "…" not in text
    for words in ("2.00 (1.75-2.20)", "zmq_proxy of the same libzmq", "A <fast> & old"):
        assert words in text


def test_noise_is_said_only_when_there_was_much(report: Report) -> None:
    assert noise_lines(report) == []
    (line,) = noise_lines(replace(report, noise=0.1))
    assert line.startswith(
        "too noisy: pipeline 16 B: the runs of proxy differ by 20 % (bound 10 %)"
    )


def test_a_busy_neighbour_is_named(report: Report) -> None:
    (case_runs,) = report.cases
    runs = tuple(replace(run, others=0.4) for run in case_runs.runs)
    (line,) = noise_lines(replace(report, cases=(replace(case_runs, runs=runs),)))
    assert line.startswith("too noisy: pipeline 16 B: others used 40 % of the machine (bound 10 %)")


def test_markdown_names_machine_date_and_command(report: Report) -> None:
    text = markdown(replace(report, noise=0.1))
    assert text.startswith("`zmqdev bench <a> & 'b'` on A <fast> & old, 2 cores")
    assert "2026-01-02" in text
    assert "Too noisy: pipeline" in text
    widths = [line.count("|") for line in text.splitlines() if line.startswith("|")]
    assert set(widths) == {8}


def test_the_chart_is_xml_with_a_bar_for_each(report: Report) -> None:
    root = ElementTree.fromstring(svg(report))
    space = "{http://www.w3.org/2000/svg}"
    bars = [item for item in root.iter(f"{space}rect") if item.get("class") != "back"]
    lengths = [float(bar.get("width", "0")) for bar in bars]
    assert len(bars) == 3
    assert lengths[1] / lengths[0] == pytest.approx(1.0 / 9.0, rel=0.01)
    texts = [item.text for item in root.iter(f"{space}text")]
    assert "zmqdev bench <a> & 'b'" in texts
    assert "2.10 M, 2.00 x" in texts


def test_a_chart_says_what_its_colours_mean_and_cuts_what_is_too_long(report: Report) -> None:
    root = ElementTree.fromstring(svg(replace(report, command="zmqdev bench " + "x" * 200)))
    texts = [str(item.text) for item in root.iter("{http://www.w3.org/2000/svg}text")]
    assert any("Blue is zmqdev" in text for text in texts)
    assert texts[0].endswith("…")
    assert max(map(len, texts)) <= 108


def test_a_chart_of_nothing_is_xml_too(report: Report) -> None:
    empty = replace(report, cases=(CaseRuns(PIPELINE, ()),))
    assert ElementTree.fromstring(svg(empty)).tag.endswith("svg")


def test_progress_is_a_line_a_run_where_there_is_no_terminal(report: Report) -> None:
    out = io.StringIO()
    run = Run("native", 0, rate=2e6, sent=1000, received=998)
    with BenchProgress(2, out, quiet=False) as progress:
        progress.tell(PIPELINE, run)
    assert out.getvalue() == "1/2 pipeline 16 B native: 2.00 M msg/s, 2 lost\n"


def test_quiet_is_quiet(report: Report) -> None:
    out = io.StringIO()
    with BenchProgress(2, out, quiet=True) as progress:
        progress.tell(PIPELINE, report.cases[0].runs[0])
    assert out.getvalue() == ""
