"""The command `check`: report mistakes in a file before it runs, and convert it to ZDCF."""

from __future__ import annotations

from dataclasses import dataclass

import click

from zmqdev.cli.completion import files
from zmqdev.cli.options import file_of
from zmqdev.cli.tool import tool
from zmqdev.errors import EXIT_OK, EXIT_USAGE, UsageError
from zmqdev.options.option import option
from zmqdev.options.types import Choice, Flag

FORMATS = ("text", "json", "github")


HELP = """Find what is wrong with a file before it runs.

Each finding has its place, the name of its rule, and a fix. The exit status is 2 when there is an
error; with --strict also when there is a warning.
"""


@dataclass(frozen=True)
class CheckOptions:
    """The options of `check`."""

    strict: bool = option(Flag(), default=False, help="Warnings are errors too.")
    format: str = option(
        Choice(choices=FORMATS),
        default="text",
        help="Lines for people, JSON, or annotations of GitHub Actions.",
    )
    live: bool = option(Flag(), default=False, help="Also check whether an address is in use now.")
    convert: str | None = option(
        Choice(choices=("zdcf",)),
        help="Write the file as ZDCF 1.0 (RFC 17) to stdout; settings that ZDCF lacks are "
        "reported.",
    )


def command(name: str) -> click.Command:
    """Declare the command."""
    found = click.Argument(
        ["files"], nargs=-1, metavar="[FILE...]", callback=_files, shell_complete=files
    )
    return tool(name, CheckOptions, _check, help=HELP, arguments=[found])


def _files(
    context: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    return value or (file_of(context, None),)


def _check(options: CheckOptions, files: tuple[str, ...]) -> int:
    from zmqdev.topology.check import check_file, failed
    from zmqdev.topology.finding import ERROR, written

    if options.convert:
        return _convert(files)
    findings = [finding for path in files for finding in check_file(path, live=options.live)]
    click.echo(written(findings, options.format), nl=False)
    if options.format == "text":
        errors = sum(finding.severity == ERROR for finding in findings)
        click.echo(_summary(len(files), errors, len(findings) - errors), err=True)
    return EXIT_USAGE if failed(findings, strict=options.strict) else EXIT_OK


def _summary(files: int, errors: int, warnings: int) -> str:
    counts = ((files, "file"), (errors, "error"), (warnings, "warning"))
    return ", ".join(_counted(*item) for item in counts)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _convert(files: tuple[str, ...]) -> int:
    import yaml

    from zmqdev.options import zdcf
    from zmqdev.topology.read import topology

    if len(files) != 1:
        raise UsageError("one file at a time becomes ZDCF", "--convert")
    found = topology(files[0])
    tree, lost = zdcf.write(found.name, found.parts)
    for line in lost:
        click.echo(f"zmqdev: {line}", err=True)
    click.echo(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), nl=False)
    return EXIT_OK
