"""The command `graph`: draw the topology of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from zmqdev.cli.options import file_argument
from zmqdev.cli.tool import tool
from zmqdev.errors import UsageError
from zmqdev.options.option import option
from zmqdev.options.types import Choice, Flag

if TYPE_CHECKING:  # keeps `zmqdev graph --help` fast
    from zmqdev.topology.picture import Rates

FORMATS = ("terminal", "mermaid", "dot", "svg")


@dataclass(frozen=True)
class GraphOptions:
    """The options of `graph`."""

    format: str = option(
        Choice(choices=FORMATS),
        default="terminal",
        help="On the terminal, as Mermaid, as Graphviz dot, or as SVG.",
    )
    live: bool = option(
        Flag(),
        default=False,
        help="Show the rates of the running devices, measured for a second.",
    )


HELP = """Draw the topology of a file.

An address whose other end is not in the file becomes a separate box.
"""


def command(name: str) -> click.Command:
    """Declare the command."""
    return tool(name, GraphOptions, _graph, help=HELP, arguments=[file_argument()])


def _graph(options: GraphOptions, file: str) -> int:
    form = options.format
    from zmqdev.topology.drawing import dot, mermaid
    from zmqdev.topology.links import plan
    from zmqdev.topology.picture import picture
    from zmqdev.topology.read import topology

    made = plan(topology(file))
    names = [str(part.spec.name) for part in made.topology.parts]
    drawn = picture(made, _rates(names) if options.live else None)
    if form == "mermaid":
        click.echo(mermaid(drawn), nl=False)
    elif form == "dot":
        click.echo(dot(drawn), nl=False)
    elif form == "svg":
        from zmqdev.report.graph_svg import svg

        click.echo(svg(drawn), nl=False)
    else:
        from zmqdev.tools.graph.terminal import show

        show(drawn)
    return 0


def _rates(names: list[str]) -> Rates:
    """Ask the devices twice, a second apart, for their rates."""
    from zmqdev.tools.graph.live_rates import rates

    found = rates(names)
    if not found:
        raise UsageError("none of the file's devices runs, or answers", "--live")
    return found
