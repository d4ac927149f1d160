"""The verbs of `zmqdev store` for the spool of a streamer, each an exit status."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import click

from zmqdev.broker.store_sqlite import quoted
from zmqdev.device import spool_rows as rows
from zmqdev.errors import RunError, UsageError
from zmqdev.stats import units
from zmqdev.system.store_file import owner_of
from zmqdev.tools.store import text


def is_spool(path: str) -> bool:
    """Whether a streamer made the file."""
    if not os.path.exists(path):
        return False
    try:
        with closing(_connect(path)) as database:
            [application] = database.execute("pragma application_id").fetchone()
    except sqlite3.Error:
        return False
    return bool(application == rows.APPLICATION)


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quoted(path)}?mode=ro", uri=True, timeout=5)


@contextmanager
def _read(path: str) -> Iterator[sqlite3.Connection]:
    """Also while a streamer has it."""
    try:
        with closing(_connect(path)) as database:
            yield database
    except sqlite3.Error as error:
        raise RunError(f"spool {path}: the file is damaged; move it away ({error})") from error


def services(path: str) -> int:
    """What waits; without a verb."""
    with _read(path) as database:
        [count, first, last, messages, size] = database.execute(
            "select count(*), min(key), max(key), total(messages), total(bytes) from burst"
        ).fetchone()
    if count:
        click.echo(f"rows {first} to {last} of a streamer's spool, the oldest first")
    waiting = units.counted(int(messages), "message")
    click.echo(f"{waiting} of {units.size(int(size))} in {units.counted(count, 'row')}")
    owner = owner_of(path)
    used = f"in use by process {owner}" if owner else "not in use"
    click.echo(f"file {units.size(os.stat(path).st_size)}; {used}")
    return 0


def show(path: str, keys: Sequence[int]) -> int:
    """The messages of rows."""
    with _read(path) as database:
        for key in keys:
            row = database.execute("select * from burst where key = ?", (key,)).fetchone()
            burst = None if row is None else rows.burst_of(row)
            if burst is None or burst.messages is None:
                raise RunError(f"spool {path}: no row {key}, or a damaged one")
            click.echo(f"row {key}: {units.counted(burst.count, 'message')}")
            for message in burst.messages:
                click.echo(f"  {' | '.join(map(text.printable, message))}")
    return 0


def check(path: str) -> int:
    """1 when a row is damaged."""
    wrong, messages = 0, 0
    with _read(path) as database:
        found = [str(row[0]) for row in database.execute("pragma integrity_check")]
        for row in database.execute("select * from burst order by key"):
            burst = rows.burst_of(row)
            wrong += burst.messages is None
            messages += burst.count
    bad = [line for line in found if line != "ok"]
    bad += [units.counted(wrong, "damaged row")] if wrong else []
    return text.verdict(bad, units.counted(messages, "message"))


def dead(path: str) -> int:
    """Refuse `dead`: a spool has no dead letters."""
    raise _none(path)


def requeue(path: str, keys: Sequence[int]) -> int:
    """Refuse `requeue`: a spool has no dead letters."""
    raise _none(path)


def drop(path: str, keys: Sequence[int]) -> int:
    """Refuse `drop`: a spool has no dead letters."""
    raise _none(path)


def _none(path: str) -> UsageError:
    return UsageError(f"{path} is the spool of a streamer, which has no dead letters")
