"""tap: see the messages that pass through a running device."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import click

from zmqdev.cli.completion import devices
from zmqdev.cli.options import HeadedCommand
from zmqdev.errors import RunError, UsageError
from zmqdev.options.types import Integer, Number

HELP = """See the messages that pass through a running device.

NAME is the name of a device as `zmqdev ctl` lists it, or its control address;
it can be left out when one device runs. `>` is from the frontend to the backend,
`<` the other way; envelopes stand in brackets. The device copies messages only
while somebody looks, and drops copies for a viewer who is slow.
"""
FORMATS = ("text", "raw", "quoted", "hex", "json")
T = TypeVar("T", int, float)


def command(name: str) -> click.Command:
    return HeadedCommand(
        name,
        params=[
            click.Argument(["device"], metavar="[NAME]", required=False, shell_complete=devices),
            click.Option(["-n", "--count"], metavar="N", help="End after N messages."),
            click.Option(["--limit"], metavar="N", help="Show at most N messages a second."),
            click.Option(
                ["--format", "form"],
                type=click.Choice(FORMATS),
                default="text",
                show_default=True,
                help="How messages are written, as in `sub`.",
            ),
            click.Option(["--json", "as_json"], is_flag=True, help="The same as --format json."),
            click.Option(
                ["--direction"],
                type=click.Choice(("forward", "backward", "both")),
                default="both",
                show_default=True,
                help="Which way.",
            ),
        ],
        callback=_act,
        help=HELP,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _act(
    device: str | None,
    count: str | None,
    limit: str | None,
    form: str,
    as_json: bool,
    direction: str,
) -> int:
    most = _number("--count", Integer(1).parse, count)
    rate = _number("--limit", Number().parse, limit)
    from zmqdev.control.client import Asker, targets
    from zmqdev.endpoints.form.format import Layout
    from zmqdev.endpoints.sink import Sink
    from zmqdev.system.signals import Signals
    from zmqdev.tools.tap.viewer import Viewer, Wish

    found = targets((device,) if device else ())
    if len(found) != 1:
        names = ", ".join(item.name for item in found) or "none"
        raise RunError(f"which device? Running: {names}")
    sink = Sink()
    layout = Layout("json" if as_json else form, terminal=sink.terminal)
    with Signals() as signals, Asker() as asker:
        viewer = Viewer(found[0], Wish(layout, direction, most, rate), asker, sink)
        viewer.run(signals)
    if viewer.left_out:
        click.echo(f"{viewer.shown} shown, {viewer.left_out} left out", file=sys.stderr)
    return 0


def _number(flag: str, parse: Callable[..., T], text: str | None) -> T | None:
    if text is None:
        return None
    try:
        return parse(text, text=True)
    except ValueError as error:
        raise UsageError(str(error), flag) from None
