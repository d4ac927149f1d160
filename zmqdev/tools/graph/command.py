"""graph: a file as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zmqdev.cli.options import file_argument
from zmqdev.errors import UsageError

if TYPE_CHECKING:  # `zmqdev graph --help` must not wait for it
    from zmqdev.tools.graph.picture import Rates

FORMATS = ("terminal", "mermaid", "dot", "svg")


def command(name: str) -> click.Command:
    return click.Command(
        name,
        params=[
            file_argument(),
            click.Option(
                ["--format", "form"],
                type=click.Choice(FORMATS),
                default="terminal",
                help="On the terminal, as Mermaid, as Graphviz dot, or as SVG. [terminal]",
            ),
            click.Option(
                ["--live"],
                is_flag=True,
                help="With the rates of the devices that run, measured for a second.",
            ),
        ],
        callback=_graph,
        help="Draw the topology of a file.\n\nAn address whose other end is not in the file is "
        "drawn as a box of its own.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _graph(file: str, form: str, live: bool) -> int:
    from zmqdev.tools.graph.picture import picture
    from zmqdev.tools.graph.text import dot, mermaid
    from zmqdev.topology.links import plan
    from zmqdev.topology.read import topology

    made = plan(topology(file))
    names = [str(part.spec.name) for part in made.topology.parts]
    drawn = picture(made, _rates(names) if live else None)
    if form == "mermaid":
        click.echo(mermaid(drawn), nl=False)
    elif form == "dot":
        click.echo(dot(drawn), nl=False)
    elif form == "svg":
        from zmqdev.tools.graph.svg import svg

        click.echo(svg(drawn), nl=False)
    else:
        from zmqdev.tools.graph.terminal import show

        show(drawn)
    return 0


def _rates(names: list[str]) -> Rates:
    """Asks the devices twice, a second apart."""
    from zmqdev.tools.graph.live_rates import rates

    found = rates(names)
    if not found:
        raise UsageError("none of the file's devices runs, or answers", "--live")
    return found
