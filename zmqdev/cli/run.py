"""The command `run`: start everything in a file, or the parts that are named."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import click

from zmqdev.cli.options import HeadedCommand, declared, file_argument, given
from zmqdev.cli.tool import resolved
from zmqdev.errors import EXIT_FAILED, EXIT_OK, UsageError
from zmqdev.options.fleet import FleetSpec
from zmqdev.options.layer import Layer, environment_layer, flag_layer
from zmqdev.options.option import option
from zmqdev.options.types import Flag

HELP = """Start everything in a file, or the named parts and what they connect to.

FILE may be a directory, which stands for all YAML files in it, or - for standard input. The
default is zmqdev.yaml.

A part that crashes starts again, as its `restart` says; the others continue. Ctrl-C stops the
parts one after the other, in the direction of the messages. SIGHUP reads the file again and
restarts the parts that have changed."""


@dataclass(frozen=True)
class RunOptions:
    """The options of `run` that are not settings of the file."""

    only: bool = option(
        Flag(), default=False, help="Start only the named parts, without the parts they need."
    )
    dry_run: bool = option(
        Flag(), default=False, help="Open and close every socket, and report each."
    )


def command(name: str) -> click.Command:
    """Declare the command."""
    return HeadedCommand(
        name,
        params=[
            file_argument(),
            click.Argument(["names"], nargs=-1, metavar="[NAME...]"),
            *declared(RunOptions),
            *declared(FleetSpec),
        ],
        callback=_run,
        help=HELP,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _run(file: str, names: tuple[str, ...], **flags: Any) -> int:
    from zmqdev.cli import start_file

    options = resolved("run", RunOptions, flags)
    if options.only and not names:
        raise UsageError("name the parts that are meant", "--only")
    over: Layer = environment_layer(FleetSpec, "run", os.environ)
    over |= flag_layer(FleetSpec, given(FleetSpec, flags))
    asked = start_file.Invocation(file, names, options.only, over)
    if options.dry_run:
        return EXIT_OK if start_file.rehearse(asked) else EXIT_FAILED
    return start_file.run(asked)
