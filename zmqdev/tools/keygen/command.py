"""The command `keygen`: make CURVE key pairs, and lines for a users file."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from zmqdev.cli.tool import tool
from zmqdev.errors import UsageError
from zmqdev.options.option import option
from zmqdev.options.types import Choice, Many, Text

HELP = """Make a CURVE key pair: NAME.key to give away, NAME.key_secret to keep.

The files have the format of czmq and of pyzmq's zmq.auth. Only the owner can read
the secret one, and an existing file is never overwritten. --form prints the pair
instead. --user prints a line for a --plain-users file; it asks for the password, or
reads it from stdin.
"""
FORMS = ("files", "z85", "hex", "env", "yaml")
LONGEST_LINE = 4096


@dataclass(frozen=True)
class KeygenOptions:
    """The options of `keygen`."""

    form: str = option(
        Choice(choices=FORMS),
        default="files",
        help="Write two files, or print the pair in this form.",
    )
    meta: tuple[str, ...] = option(
        Many(Text(metavar="KEY=VALUE")), default=(), help="Metadata; repeatable."
    )
    user: str | None = option(Text(metavar="NAME"), help="Print a line for a users file.")


def command(name: str) -> click.Command:
    """Declare the command."""
    base = click.Argument(["base"], metavar="[NAME]", required=False)
    return tool(name, KeygenOptions, _act, help=HELP, arguments=[base])


def _act(options: KeygenOptions, base: str | None) -> int:
    if options.user is not None:
        if base is not None or options.meta or options.form != "files":
            raise UsageError("makes a line for a users file and takes nothing else", "--user")
        return _user(options.user)
    if options.form != "files":
        return _print(base, options.form)
    return _write(Path(base or "zmqdev"), options.meta)


def _write(base: Path, meta: tuple[str, ...]) -> int:
    from zmqdev.security.keyfile import generate, write_pair

    certificate = generate([("name", base.name), *map(_metadata, meta)])
    try:
        paths = write_pair(certificate, base, datetime.now())
    except ValueError as error:
        raise UsageError(str(error), "--meta") from None
    click.echo(f"public key  {certificate.public}")
    click.echo(f"to give away: {paths[0]}")
    click.echo(f"to keep:      {paths[1]}")
    return 0


def _metadata(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not key.isprintable() or "#" in key:
        raise UsageError(f"{text!r} is not KEY=VALUE", "--meta")
    return key.strip(), value


def _print(base: str | None, form: str) -> int:
    from zmqdev.security.keyfile import generate
    from zmqdev.tools.keygen.forms import show

    if base is not None:
        raise UsageError(f"prints the pair and writes no file {base!r}", "--form")
    click.echo(show(generate(), form), nl=False)
    return 0


def _user(name: str) -> int:
    from zmqdev.security.passwords import make_line

    try:
        line = make_line(name, _password())
    except ValueError as error:
        raise UsageError(str(error), "--user") from None
    click.echo(line)
    return 0


def _password() -> bytes:
    """Ask twice without echo on a terminal; otherwise read the first line of stdin."""
    if sys.stdin.isatty():
        typed = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return os.fsencode(typed)
    return sys.stdin.buffer.readline(LONGEST_LINE).rstrip(b"\r\n")
