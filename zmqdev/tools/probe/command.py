"""probe: what listens at an address."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from zmqdev.cli.options import HeadedCommand
from zmqdev.errors import EXIT_FAILED, EXIT_OK, EXIT_UNMET, UsageError
from zmqdev.options.types import Choice, Duration

if TYPE_CHECKING:
    from zmqdev.tools.probe.probe import ProbeReport

HELP = """Say what listens at ADDRESS (tcp or ipc), without disturbing it.

ZMTP version, security mechanism, socket type and routing id, round-trip time,
and who could talk to it; or what it looks like when it is no ZeroMQ socket. A
socket that gives work to its peers is never joined, so no message is lost.

Exit status: 0 it is a ZeroMQ socket, 1 it is not or nobody answers; with --as,
3 when a socket of that type and mechanism could not talk to it.
"""
_TYPES = ("PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB")


def command(name: str) -> click.Command:
    return HeadedCommand(
        name,
        params=[
            click.Argument(["address"], metavar="ADDRESS"),
            click.Option(
                ["-t", "--timeout"],
                metavar="DURATION",
                default="2s",
                show_default=True,
                help="How long to wait for it.",
            ),
            click.Option(
                ["--as", "socket_type"], metavar="TYPE", help="Could this socket type talk to it?"
            ),
            click.Option(
                ["--security"],
                type=click.Choice(("null", "plain", "curve")),
                default="null",
                show_default=True,
                help="With --as: and with this mechanism?",
            ),
            click.Option(
                ["--no-ping"], is_flag=True, help="Look only: do not join it for a round trip."
            ),
            click.Option(["--json", "as_json"], is_flag=True, help="One line of JSON."),
        ],
        callback=_act,
        help=HELP,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _act(
    address: str,
    timeout: str,
    socket_type: str | None,
    security: str,
    no_ping: bool,
    as_json: bool,
) -> int:
    seconds = _parsed(Duration(positive=True), timeout, "--timeout")
    ours = _parsed(Choice(choices=_TYPES, upper=True), socket_type, "--as")
    from zmqdev.tools.probe.probe import probe

    try:
        report = probe(address, timeout=seconds, join=not no_ping)
    except ValueError as error:
        raise UsageError(str(error)) from None
    why_not = report.why_not(ours, security.upper()) if ours else None
    if as_json:
        click.echo(json.dumps(report.plain() | ({"as": ours, "why_not": why_not} if ours else {})))
    else:
        _tell(report, ours, why_not)
    if not report.is_zmtp:
        return EXIT_FAILED
    return EXIT_UNMET if why_not else EXIT_OK


def _parsed(type_: Any, text: str | None, place: str) -> Any:
    try:
        return None if text is None else type_.parse(text, text=True)
    except ValueError as error:
        raise UsageError(str(error), place) from None


def _tell(report: ProbeReport, ours: str | None, why_not: str | None) -> None:
    for word, text in report.rows():
        click.echo(f"{word:<12} {text}", file=sys.stdout)
    if ours:
        click.echo(f"{'as ' + ours:<12} {'no: ' + why_not if why_not else 'yes'}")
