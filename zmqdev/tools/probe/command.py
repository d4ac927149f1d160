"""The command `probe`: identify what listens at an address."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import click

from zmqdev.cli.tool import tool
from zmqdev.errors import EXIT_FAILED, EXIT_OK, EXIT_UNMET, UsageError
from zmqdev.options.measures import Duration
from zmqdev.options.option import option
from zmqdev.options.types import Choice, Flag

if TYPE_CHECKING:
    from zmqdev.tools.probe.probe import ProbeReport

HELP = """Say what listens at ADDRESS (tcp or ipc), without disturbing it.

It prints ZMTP version, security mechanism, socket type, routing id and round-trip
time, and which socket types could talk to it. When it is no ZeroMQ socket, it says
what it looks like. A socket that hands out work is never joined, so no message is
lost.

Exit status: 0 it is a ZeroMQ socket, 1 it is another program or does not answer;
with --as, 3 when a socket of that type and mechanism could not talk to it.
"""
_TYPES = ("PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB")


@dataclass(frozen=True)
class ProbeOptions:
    """The options of `probe`."""

    timeout: float = option(
        Duration(positive=True), default=2.0, short="t", help="How long to wait for it."
    )
    wait: float | None = option(
        Duration(positive=True),
        help="Try again until a ZeroMQ socket answers, at most this long.",
    )
    as_: str | None = option(
        Choice(choices=_TYPES, upper=True, metavar="TYPE"),
        help="Check whether this socket type could talk to it.",
    )
    security: str = option(
        Choice(choices=("null", "plain", "curve")),
        default="null",
        help="With --as: check with this security mechanism.",
    )
    no_ping: bool = option(Flag(), default=False, help="Do not join it to measure a round trip.")
    json: bool = option(Flag(), default=False, help="One line of JSON.")


def command(name: str) -> click.Command:
    """Declare the command."""
    address = click.Argument(["address"], metavar="ADDRESS")
    return tool(name, ProbeOptions, _act, help=HELP, arguments=[address])


def _act(options: ProbeOptions, address: str) -> int:
    ours = options.as_
    from zmqdev.tools.probe.probe import probe, until_up

    try:
        look = partial(probe, address, timeout=options.timeout, join=not options.no_ping)
        report = look() if options.wait is None else until_up(look, options.wait)
    except ValueError as error:
        raise UsageError(str(error)) from None
    why_not = report.why_not(ours, options.security.upper()) if ours else None
    if options.json:
        click.echo(json.dumps(report.plain() | ({"as": ours, "why_not": why_not} if ours else {})))
    else:
        _tell(report, ours, why_not)
    if not report.is_zmtp:
        return EXIT_FAILED
    return EXIT_UNMET if why_not else EXIT_OK


def _tell(report: ProbeReport, ours: str | None, why_not: str | None) -> None:
    for word, text in report.rows():
        click.echo(f"{word:<12} {text}", file=sys.stdout)
    if ours:
        click.echo(f"{'as ' + ours:<12} {'no: ' + why_not if why_not else 'yes'}")
