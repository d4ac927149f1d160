"""graph: a file as a picture."""

from __future__ import annotations

from collections.abc import Mapping

import click

from zmqdev.errors import UsageError

FORMATS = ("terminal", "mermaid", "dot", "svg")


def command(name: str) -> click.Command:
    return click.Command(
        name,
        params=[
            click.Argument(["file"], metavar="FILE"),
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
    from zmqdev.fleet.drawing import dot, mermaid
    from zmqdev.fleet.picture import picture
    from zmqdev.fleet.ports import plan
    from zmqdev.fleet.reading import topology

    made = plan(topology(file))
    drawn = picture(made, _rates([str(p.spec.name) for p in made.topology.parts]) if live else None)
    if form == "mermaid":
        click.echo(mermaid(drawn), nl=False)
    elif form == "dot":
        click.echo(dot(drawn), nl=False)
    else:
        from zmqdev.report.graph import show, svg

        if form == "svg":
            click.echo(svg(drawn), nl=False)
        else:
            show(drawn)
    return 0


def _rates(names: list[str]) -> Mapping[tuple[str, str], float]:
    """(device, side) -> messages a second that leave there. Asks twice, a second apart."""
    from zmqdev.cli.live_rates import rates

    found = rates(names)
    if not found:
        raise UsageError("none of the file's devices runs, or answers", "--live")
    return found
