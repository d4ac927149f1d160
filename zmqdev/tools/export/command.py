"""export: a file for systemd, compose or Kubernetes."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from zmqdev.cli.options import file_argument
from zmqdev.errors import RunError, in_words

ENGINES = ("systemd", "compose", "kubernetes")


def command(name: str) -> click.Command:
    return click.Command(
        name,
        params=[
            file_argument(),
            click.Option(
                ["--to", "engine"], type=click.Choice(ENGINES), required=True, help="The engine."
            ),
            click.Option(
                ["--output"],
                metavar="DIR",
                help="Write the files to this directory, mode 0600. Default: to stdout.",
            ),
            click.Option(
                ["--program"],
                default="/usr/local/bin/zmqdev",
                show_default=True,
                metavar="PATH",
                help="Where zmqdev is, for systemd.",
            ),
            click.Option(
                ["--image"],
                default="zmqdev:latest",
                show_default=True,
                metavar="IMAGE",
                help="The image whose entry point is zmqdev, for compose and Kubernetes.",
            ),
            click.Option(
                ["--namespace"], default="", metavar="NAME", help="The namespace, for Kubernetes."
            ),
        ],
        callback=_export,
        help="Write a file for an engine that runs it.\n\nsystemd: a hardened unit for each part, "
        "with readiness and watchdog. compose: a service for each. kubernetes: a Deployment for "
        "each, a Service where it binds, probes, keys as a Secret.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _export(
    file: str, engine: str, output: str | None, program: str, image: str, namespace: str
) -> int:
    from zmqdev.tools.export.export import Options
    from zmqdev.topology.links import plan
    from zmqdev.topology.read import topology

    options = Options(program, image, namespace)
    made = import_module(f"zmqdev.tools.export.{engine}").export(plan(topology(file)), options)
    if output is None:
        _print(made.files)
    else:
        _write(Path(output), made.files)
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
