"""The command `store`: inspect the store of a reliable queue, requeue or drop dead letters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from zmqdev.cli.tool import tool
from zmqdev.errors import UsageError
from zmqdev.options.store_url import is_url
from zmqdev.options.suggest import near

HELP = """Show what the store of a reliable queue holds.

Without a verb: a table of services; for a database (postgresql://…) also the
queues that use it, with their leases. `dead` lists the dead letters with their
numbers. `show` prints one of them, or a request. `requeue` gives dead letters to
workers again and counts their attempts anew; `drop` deletes them. With a file,
both work only while no queue uses it. `check` reads every row; its exit status is
1 when a row is damaged.

With the spool of a streamer: without a verb what waits in it; `show` prints the
messages of a row; `check` reads every row.
"""
# Verb -> whether it takes numbers.
VERBS = {"dead": False, "show": True, "requeue": True, "drop": True, "check": False}


@dataclass(frozen=True)
class StoreOptions:
    """The options of `store`: none."""


def command(name: str) -> click.Command:
    """Declare the command."""
    words = [
        click.Argument(["file"], metavar="FILE|URL"),
        click.Argument(["verb"], metavar="[VERB]", required=False),
        click.Argument(["numbers"], metavar="[NUMBER...]", nargs=-1),
    ]
    return tool(name, StoreOptions, _act, help=HELP, arguments=words)


def _act(options: StoreOptions, file: str, verb: str | None, numbers: tuple[str, ...]) -> int:
    verbs = _verbs(file)
    if verb is None:
        return int(verbs.services(file))
    if verb not in VERBS:
        raise UsageError(f"unknown verb {verb!r}{near(verb, list(VERBS))}")
    if VERBS[verb] != bool(numbers):
        wants = "needs the number of a dead letter" if VERBS[verb] else "takes no number"
        raise UsageError(f"{verb} {wants}")
    keys = [_number(text) for text in numbers]
    act = getattr(verbs, verb)
    return int(act(file, keys) if VERBS[verb] else act(file))


def _verbs(store: str) -> Any:
    """Return the module with the verbs for this store: a file, a spool or a database."""
    if not is_url(store):
        from zmqdev.tools.store import spool, verbs

        return spool if spool.is_spool(store) else verbs
    try:
        from zmqdev.tools.store import database
    except ImportError:
        from zmqdev.broker.store import needs_psycopg

        raise needs_psycopg(store) from None
    return database


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a number; `dead` lists them") from None
