"""The command `help`: topics of the manual, in a pager on a terminal, as Markdown in a pipe."""

from __future__ import annotations

import os
import sys

import click

from zmqdev.cli.completion import topics
from zmqdev.cli.program import ROWS, program
from zmqdev.cli.topics import TOPICS, Topic
from zmqdev.errors import EXIT_OK, UsageError
from zmqdev.options.suggest import near

HELP = """Read the manual, one topic at a time.

Without TOPIC: the list of topics. When TOPIC is a command, its --help is shown.
"""


def command(name: str) -> click.Command:
    """Declare the command."""
    return click.Command(
        name,
        params=[
            click.Argument(["topic"], metavar="[TOPIC]", required=False, shell_complete=topics)
        ],
        callback=_act,
        help=HELP,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _act(topic: str | None) -> int:
    if topic is None:
        click.echo(f"zmqdev help TOPIC shows one of these:\n\n{_contents()}", nl=False)
    elif topic in TOPICS:
        _show(TOPICS[topic])
    elif topic in ROWS:
        program.main([topic, "--help"], prog_name="zmqdev", standalone_mode=False)
    else:
        raise UsageError(f"no topic {topic!r}{near(topic, [*TOPICS, *ROWS])}")
    return EXIT_OK


def _contents() -> str:
    """Return all topics, a line each, under a heading for each kind of reader."""
    formatter = click.get_current_context().make_formatter()
    for reader in dict.fromkeys(topic.reader for topic in TOPICS.values()):
        with formatter.section(reader):
            found = (topic for topic in TOPICS.values() if topic.reader == reader)
            formatter.write_dl([(topic.name, topic.help) for topic in found])
    return formatter.getvalue()


def _show(topic: Topic) -> None:
    if not sys.stdout.isatty():
        click.echo(topic.text(), nl=False)
        return
    from zmqdev.report.markdown import rendered

    # As git does: keep colours, and use no pager for what fits on the screen.
    os.environ.setdefault("LESS", "-FRX")
    click.echo_via_pager(rendered(topic.text()))
