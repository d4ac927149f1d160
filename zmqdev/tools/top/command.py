"""The command `top`: all devices of this user in one live table."""

from __future__ import annotations

from dataclasses import dataclass

import click

from zmqdev.cli.completion import devices
from zmqdev.cli.tool import tool
from zmqdev.options.control_keys import AskingKeys, asking_of
from zmqdev.options.measures import Duration
from zmqdev.options.option import option
from zmqdev.options.types import Choice, Flag, Integer, Many, Text
from zmqdev.tools.top.sorts import SORTS

HELP = """Show all devices of this user in one live table.

NAME is the name of a device, as `zmqdev ctl` lists it, or a control address.
Without NAME: all running devices, and those that start later. On a terminal it is
a table with keys to pause (p), resume (r), stop (s, twice), sort (left, right, i)
and quit (q). Elsewhere it prints a line for each device at every interval; the
exit status is 1 when no device ever answered.
"""


@dataclass(frozen=True)
class TopOptions(AskingKeys):
    """The options of `top`."""

    interval: float = option(
        Duration(positive=True), default=1.0, short="i", help="Time between two updates."
    )
    count: int | None = option(Integer(1), short="n", help="End after this many updates.")
    duration: float | None = option(Duration(positive=True), help="End after this time.")
    sort: str = option(Choice(choices=tuple(SORTS)), default="name", help="Column to sort by.")
    json: bool = option(Flag(), default=False, help="Print JSON lines.")
    host: tuple[str, ...] = option(
        Many(Text(metavar="HOST:PORT")),
        default=(),
        help="A device on another machine, by its control address; repeatable. Its row is named "
        "NAME@HOST.",
    )


def command(name: str) -> click.Command:
    """Declare the command."""
    names = click.Argument(["names"], metavar="[NAME]...", nargs=-1, shell_complete=devices)
    return tool(name, TopOptions, _act, help=HELP, arguments=[names])


def _act(options: TopOptions, names: tuple[str, ...]) -> int:
    from zmqdev.system.signals import Signals
    from zmqdev.tools.top.top import TopQuestion, run

    asked = TopQuestion(
        *(names, options.interval, options.sort, options.json, options.count, options.duration),
        hosts=options.host,
        keys=asking_of(options),
    )
    with Signals() as signals:
        return run(asked, signals)
