"""The command `tap`: show the messages that pass through a running device."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import click

from zmqdev.cli.completion import devices
from zmqdev.cli.tool import tool
from zmqdev.errors import RunError
from zmqdev.options.option import option
from zmqdev.options.types import Choice, Flag, Integer, Number

HELP = """Show the messages that pass through a running device.

NAME is the name of a device, as `zmqdev ctl` lists it, or its control address. It
may be left out when only one device runs. `>` marks a message from the frontend to
the backend, `<` one from the backend; envelopes are in brackets. The device copies
messages only while a viewer is connected, and drops copies for a slow viewer.
"""
FORMATS = ("text", "raw", "quoted", "hex", "json")


@dataclass(frozen=True)
class TapOptions:
    """The options of `tap`."""

    count: int | None = option(Integer(1), short="n", help="End after this many messages.")
    limit: float | None = option(Number(), help="Show at most this many messages a second.")
    format: str = option(
        Choice(choices=FORMATS), default="text", help="How messages are written, as in `sub`."
    )
    json: bool = option(Flag(), default=False, help="The same as --format json.")
    direction: str = option(
        Choice(choices=("forward", "backward", "both")),
        default="both",
        help="Direction of the messages to show.",
    )


def command(name: str) -> click.Command:
    """Declare the command."""
    device = click.Argument(["device"], metavar="[NAME]", required=False, shell_complete=devices)
    return tool(name, TapOptions, _act, help=HELP, arguments=[device])


def _act(options: TapOptions, device: str | None) -> int:
    from zmqdev.control.client import Asker, targets
    from zmqdev.endpoints.form.format import Layout
    from zmqdev.system.signals import Signals
    from zmqdev.system.stdio import Sink
    from zmqdev.tools.tap.viewer import Viewer, Wish

    found = targets((device,) if device else ())
    if len(found) != 1:
        names = ", ".join(item.name for item in found) or "none"
        raise RunError(f"which device? Running: {names}")
    sink = Sink()
    layout = Layout("json" if options.json else options.format, terminal=sink.terminal)
    with Signals() as signals, Asker() as asker:
        viewer = Viewer(
            found[0], Wish(layout, options.direction, options.count, options.limit), asker, sink
        )
        viewer.run(signals)
    if viewer.left_out:
        click.echo(f"{viewer.shown} shown, {viewer.left_out} left out", file=sys.stderr)
    return 0
