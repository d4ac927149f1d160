"""The command `export`: write a file for systemd, compose or Kubernetes."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import click

from zmqdev.cli.options import file_argument
from zmqdev.cli.tool import tool
from zmqdev.errors import RunError, UsageError, in_words
from zmqdev.options.option import option
from zmqdev.options.places import FileName
from zmqdev.options.types import Choice, Text

ENGINES = ("systemd", "compose", "kubernetes")


HELP = """Write files that run a topology with systemd, compose or Kubernetes.

systemd: a hardened unit for each part, with readiness and watchdog. compose: a service for each.
kubernetes: a Deployment for each, a Service where it binds, probes, keys as a Secret.
"""


@dataclass(frozen=True)
class ExportOptions:
    """The options of `export`."""

    to: str | None = option(Choice(choices=ENGINES), help="The engine. Required.")
    output: str | None = option(
        FileName(metavar="DIR"),
        help="Write the files to this directory, mode 0600. Default: to stdout.",
    )
    program: str = option(
        FileName(metavar="PATH"),
        default="/usr/local/bin/zmqdev",
        help="Path of the zmqdev program, for systemd.",
    )
    image: str = option(
        Text(metavar="IMAGE"),
        default="zmqdev:latest",
        help="The image whose entry point is zmqdev, for compose and Kubernetes.",
    )
    namespace: str = option(Text(metavar="NAME"), default="", help="The namespace, for Kubernetes.")


def command(name: str) -> click.Command:
    """Declare the command."""
    return tool(name, ExportOptions, _export, help=HELP, arguments=[file_argument()])


def _export(given: ExportOptions, file: str) -> int:
    if given.to is None:
        raise UsageError(f"name the engine: {', '.join(ENGINES)}", "--to")
    from zmqdev.tools.export.export import Options
    from zmqdev.topology.links import plan
    from zmqdev.topology.read import topology

    options = Options(given.program, given.image, given.namespace, given.output is not None)
    made = import_module(f"zmqdev.tools.export.{given.to}").export(plan(topology(file)), options)
    if given.output is None:
        _print(made.files)
    else:
        _write(Path(given.output), made.files)
    for note in made.notes:
        click.echo(f"zmqdev: {note}", err=True)
    return 0


def _print(files: dict[str, str]) -> None:
    for name, text in files.items():
        if len(files) > 1:
            click.echo(f"# {name}")
        click.echo(text)


def _write(directory: Path, files: dict[str, str]) -> None:
    from zmqdev.system import atomic_file

    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot write to {directory}: {in_words(error)}") from None
    for name, text in files.items():
        atomic_file.write(directory / name, text)
