"""top: all devices of this user in one live table."""

from __future__ import annotations

from typing import Any

import click

from zmqdev.cli.completion import devices
from zmqdev.cli.options import HeadedCommand
from zmqdev.errors import UsageError
from zmqdev.options.types import Duration, Integer, ValueType
from zmqdev.tools.top.sorts import SORTS

HELP = """All devices of this user in one live table.

NAME is the name of a device as `zmqdev ctl` lists it, or a control address;
without any, all that run, also those that are started later. On a terminal: a
table, with keys to pause (p), resume (r), stop (s, twice), sort (left, right, i)
and quit (q). Elsewhere a line for each device at every interval.
"""


def command(name: str) -> click.Command:
    return HeadedCommand(
        name,
        params=[
            click.Argument(["names"], metavar="[NAME]...", nargs=-1, shell_complete=devices),
            click.Option(
                ["-i", "--interval"],
                metavar="DURATION",
                default="1s",
                show_default=True,
                help="Time between two looks.",
            ),
            click.Option(["-n", "--count"], metavar="N", help="End after N looks."),
            click.Option(["--duration"], metavar="DURATION", help="End after this time."),
            click.Option(
                ["--sort"],
                type=click.Choice(list(SORTS)),
                default="name",
                show_default=True,
                help="What to sort by.",
            ),
            click.Option(["--json", "as_json"], is_flag=True, help="Print JSON lines."),
        ],
        callback=_act,
        help=HELP,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _act(
    names: tuple[str, ...],
    interval: str,
    count: str | None,
    duration: str | None,
    sort: str,
    as_json: bool,
) -> int:
    seconds = _parsed("--interval", Duration(positive=True), interval)
    looks = None if count is None else _parsed("--count", Integer(1), count)
    until = None if duration is None else _parsed("--duration", Duration(positive=True), duration)
    from zmqdev.system.signals import Signals
    from zmqdev.tools.top.top import Asked, run

    with Signals() as signals:
        return run(Asked(names, seconds, sort, as_json, looks, until), signals)


def _parsed(flag: str, type_: ValueType, text: str) -> Any:
    try:
        return type_.parse(text, text=True)
    except ValueError as error:
        raise UsageError(str(error), flag) from None
