"""doctor: what this installation is, what it can do, and whether it works."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from zmqdev.cli.options import HeadedCommand
from zmqdev.errors import EXIT_FAILED, EXIT_OK

HELP = """What this installation is and can do, and whether it works.

Versions, what libzmq was built with, the native relay or why not, limits, where
control sockets are, known defects of this libzmq and how devices are guarded
against them, and a self-test over loopback. Status 1 when something is wrong.
"""


def command(name: str) -> click.Command:
    return HeadedCommand(
        name,
        params=[click.Option(["--json", "as_json"], is_flag=True, help="Print JSON.")],
        callback=_act,
        help=HELP,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _act(as_json: bool) -> int:
    from zmqdev.tools.doctor.findings import findings

    found = []
    for finding in findings():
        found.append(finding)
        if not as_json:
            mark = "" if finding.level == "ok" else f"{finding.level}: "
            click.echo(f"{finding.topic:<14} {mark}{finding.text}")
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    return EXIT_FAILED if any(finding.level == "problem" for finding in found) else EXIT_OK
