"""The command `doctor`: report what the installation has, and test that it works."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import click

from zmqdev.cli.tool import tool
from zmqdev.errors import EXIT_FAILED, EXIT_OK
from zmqdev.options.option import option
from zmqdev.options.types import Flag

HELP = """Show what this installation is and can do, and whether it works.

It prints versions, the features of libzmq, the native relay or why it is not used,
limits, the directory of control sockets, and the known defects of this libzmq with
what guards devices against them. Then it runs a self-test over loopback. The exit
status is 1 when something is wrong.
"""


@dataclass(frozen=True)
class DoctorOptions:
    """The options of `doctor`."""

    json: bool = option(Flag(), default=False, help="Print JSON.")


def command(name: str) -> click.Command:
    """Declare the command."""
    return tool(name, DoctorOptions, _act, help=HELP)


def _act(options: DoctorOptions) -> int:
    from zmqdev.tools.doctor.findings import findings

    found = []
    for finding in findings():
        found.append(finding)
        if not options.json:
            mark = "" if finding.level == "ok" else f"{finding.level}: "
            click.echo(f"{finding.topic:<14} {mark}{finding.text}")
    if options.json:
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    return EXIT_FAILED if any(finding.level == "problem" for finding in found) else EXIT_OK
