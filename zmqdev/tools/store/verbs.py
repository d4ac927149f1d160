"""The verbs of `zmqdev store` for a file. Each returns an exit status or raises RunError."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import click

from zmqdev.broker import store_rows as rows
from zmqdev.broker.store_sqlite import connect, requeue_dead
from zmqdev.errors import RunError
from zmqdev.stats import units
from zmqdev.system.store_file import StoreFile, owner_of
from zmqdev.tools.store import text

T = TypeVar("T")


@contextmanager
def _read(path: str) -> Iterator[sqlite3.Connection]:
    """Open the store read-only, which works while a queue uses it."""
    if not os.path.exists(path):
        raise RunError(f"store {path}: no such file or directory")
    database = connect(path, read_only=True)
    try:
        yield database
    except sqlite3.Error as error:
        raise RunError(f"store {path}: the file is damaged; keep a copy ({error})") from error
    finally:
        database.close()


@contextmanager
def _write(path: str) -> Iterator[sqlite3.Connection]:
    """Open the store for a change, only while no queue uses it: a queue would not see
    the change."""
    if not os.path.exists(path):
        raise RunError(f"store {path}: no such file or directory")
    file = StoreFile(path)
    try:
        database = connect(path)
        try:
            database.execute("pragma synchronous=full")
            database.execute("begin immediate")
            yield database
            database.execute("commit")
        except sqlite3.Error as error:
            raise RunError(f"store {path}: {error}") from error
        finally:
            database.close()
    finally:
        file.close()


def services(path: str) -> int:
    """Print a line for each service, and the total."""
    now = time.time()
    with _read(path) as database:
        held = database.execute(
            "select service, count(*), min(arrived), sum(length(body)) from request"
            " group by service"
        ).fetchall()
        dead = dict(database.execute("select service, count(*) from dead group by service"))
        [replies] = database.execute("select count(*) from reply").fetchone()
    found = {service: (count, oldest, size) for service, count, oldest, size in held}
    lines = [text.SERVICE_HEAD]
    for service in sorted({*found, *dead}):
        about = found.get(service, text.NOTHING)
        lines.append(text.service_line(service, about, dead.get(service, 0), now))
    text.table(lines)
    size = units.size(os.stat(path).st_size)
    owner = owner_of(path)
    used = f"in use by process {owner}" if owner else "not in use"
    click.echo(f"replies kept: {replies}; file {size}; {used}")
    return 0


def dead(path: str) -> int:
    """List the dead letters."""
    now = time.time()
    lines = [text.DEAD_HEAD]
    with _read(path) as database:
        for row in database.execute("select * from dead order by key"):
            lines.append(text.dead_line(row[0], rows.dead_of(row), now))
    text.table(lines)
    return 0


def show(path: str, keys: Sequence[int]) -> int:
    """Print requests or dead letters with their bodies."""
    with _read(path) as database:
        for key in keys:
            letter = _one(database, "dead", key, rows.dead_of)
            request = _one(database, "request", key, rows.kept_of)
            if letter is None and request is None:
                raise RunError(f"store {path}: no request {key}, or a damaged one")
            if letter is not None:
                text.show_dead(key, letter)
            if request is not None:
                service = text.printable(request.service)
                click.echo(f"request {key} of {service}: {request.attempts} attempts")
                text.frames(request.body)
    return 0


def _one(
    database: sqlite3.Connection, table: str, key: int, read: Callable[[rows.Row], T | None]
) -> T | None:
    row = database.execute(f"select * from {table} where key = ?", (key,)).fetchone()
    return None if row is None else read(row)


def requeue(path: str, keys: Sequence[int]) -> int:
    """Queue dead letters again."""
    with _write(path) as database:
        for key in keys:
            if not requeue_dead(database, key):
                raise RunError(f"store {path}: no dead letter {key}, or a damaged one")
    click.echo(f"{units.counted(len(keys), 'request')} queued again")
    return 0


def drop(path: str, keys: Sequence[int]) -> int:
    """Delete dead letters."""
    with _write(path) as database:
        for key in keys:
            if not database.execute("delete from dead where key = ?", (key,)).rowcount:
                raise RunError(f"store {path}: no dead letter {key}")
    click.echo(f"{units.counted(len(keys), 'dead letter')} dropped")
    return 0


def check(path: str) -> int:
    """Read every row; return 1 when one is damaged or missing."""
    readers = (("request", rows.kept_of), ("reply", rows.answer_of), ("dead", rows.dead_of))
    wrong: list[str] = []
    with _read(path) as database:
        database.execute("begin")  # all queries see the same state
        found = [text.printable(row[0]) for row in database.execute("pragma integrity_check")]
        wrong += [line for line in found if line != "ok"]
        for table, read in readers:
            bad = sum(read(row) is None for row in database.execute(f"select * from {table}"))
            if bad:
                wrong.append(f"{units.counted(bad, f'damaged {table}')}")
        [expected] = database.execute("select value from meta where name = 'rows'").fetchone()
        [there] = database.execute("select count(*) from request").fetchone()
    if expected != there:
        wrong.append(f"{expected} requests should be there, and {there} are")
    return text.verdict(wrong, units.counted(there, "request"))
