"""The command `bench`: measure devices and proxies between senders and receivers."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from zmqdev.cli.options import HeadedCommand, declared, given
from zmqdev.errors import RunError
from zmqdev.options.layer import build, environment_layer, flag_layer
from zmqdev.system import atomic_file
from zmqdev.tools.bench.options import BenchSpec, resolve

if TYPE_CHECKING:  # importing zmq would slow `zmqdev bench --help` down
    from zmqdev.tools.bench.case import Case
    from zmqdev.tools.bench.report import CaseRuns, Report

HELP = """Measure a device: messages a second, latency, loss, CPU time, memory.

LOAD is pipeline, pubsub, request, latency, route or file. With no LOAD, bench runs the first four.
Each load runs directly, through zmq_proxy and through zmqdev, in turn, several times. The report
has medians, and ratios of runs in the same round. --frontend and --backend measure a device that
is already running, of any make.
"""


def command(name: str) -> click.Command:
    """Declare the command."""
    loads = click.Argument(["loads"], nargs=-1, metavar="[LOAD]...")
    return HeadedCommand(
        name,
        params=[loads, *declared(BenchSpec)],
        callback=_callback,
        help=HELP,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _callback(loads: tuple[str, ...], **parameters: Any) -> int:
    flags = flag_layer(BenchSpec, given(BenchSpec, parameters))
    if loads:
        flags |= flag_layer(BenchSpec, {("loads",): list(loads)})
    spec, written = build(BenchSpec, [environment_layer(BenchSpec, "bench", os.environ), flags])
    return _act(resolve(spec, written))


def _act(spec: BenchSpec) -> int:
    from zmqdev.tools.bench.case import cases
    from zmqdev.tools.bench.machine import this_machine
    from zmqdev.tools.bench.report import Report
    from zmqdev.tools.bench.standard import STANDARD

    asked = STANDARD if spec.standard else tuple(cases(spec))
    machine = this_machine()
    for path in filter(None, (spec.svg, spec.markdown)):
        atomic_file.check(path)  # fail before minutes of measuring, not after
    measured = _measure(spec, asked)
    _publish(spec, Report(machine, _command_line(), spec.noise, measured))
    return 0


def _measure(spec: BenchSpec, asked: tuple[Case, ...]) -> tuple[CaseRuns, ...]:
    from zmqdev.tools.bench.report_progress import BenchProgress
    from zmqdev.tools.bench.run import measure
    from zmqdev.tools.bench.targets import RunningTarget

    target = None
    if spec.frontend is not None and spec.backend is not None:
        target = RunningTarget(
            spec.frontend, spec.backend, spec.pid, spec.senders_bind, spec.majordomo
        )
    total = spec.rounds * sum(len(case.between) for case in asked)
    # SIGTERM ends the bench as Ctrl-C does, so that no process is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with BenchProgress(total, sys.stderr, quiet=spec.quiet) as progress:
            return measure(asked, spec.rounds, target, progress.tell)
    except KeyboardInterrupt:
        raise RunError("bench: interrupted; there is no report") from None


def _publish(spec: BenchSpec, report: Report) -> None:
    """Print JSON or a table on stdout, and write the files that were asked for."""
    from zmqdev.tools.bench.report_markdown import markdown
    from zmqdev.tools.bench.report_svg import svg

    try:
        if spec.svg:
            atomic_file.write(spec.svg, svg(report), mode=0o666)
        if spec.markdown:
            atomic_file.write(spec.markdown, markdown(report), mode=0o666)
    finally:  # print the results even when a file cannot be written
        _print(spec, report)


def _print(spec: BenchSpec, report: Report) -> None:
    from zmqdev.tools.bench.report_table import print_report

    if spec.json:
        click.echo(json.dumps(report.plain()))
    else:
        print_report(report, sys.stdout)


def _command_line() -> str:
    return shlex.join(["zmqdev", *sys.argv[1:]])
