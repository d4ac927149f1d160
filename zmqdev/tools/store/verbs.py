"""The verbs of `zmqdev store`, each an exit status. RunError names the file."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import click

from zmqdev.broker import store_rows as rows
from zmqdev.broker.letter import REASONS
from zmqdev.broker.store_sqlite import connect, requeue_dead
from zmqdev.errors import RunError
from zmqdev.stats import units
from zmqdev.system.store_file import StoreFile, owner_of

T = TypeVar("T")
# Bytes of a body that are shown in a list.
SHOWN = 40


@contextmanager
def _read(path: str) -> Iterator[sqlite3.Connection]:
    """Also while a queue has it."""
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
    """Only while no queue has it: it would not see what changes."""
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
    """A line for each service, and one for all."""
    now = time.time()
    with _read(path) as database:
        held = database.execute(
            "select service, count(*), min(arrived), sum(length(body)) from request"
            " group by service"
        ).fetchall()
        dead = dict(database.execute("select service, count(*) from dead group by service"))
        [replies] = database.execute("select count(*) from reply").fetchone()
    found = {service: (count, oldest, size) for service, count, oldest, size in held}
    lines = [("service", "requests", "oldest", "bytes", "dead")]
    for service in sorted({*found, *dead}):
        count, oldest, size = found.get(service, (0, None, 0))
        age = "" if oldest is None else units.duration(max(0.0, now - oldest))
        lines.append((_text(service), str(count), age, units.size(size), str(dead.get(service, 0))))
    _table(lines)
    size = units.size(os.stat(path).st_size)
    owner = owner_of(path)
    used = f"in use by process {owner}" if owner else "not in use"
    click.echo(f"replies kept: {replies}; file {size}; {used}")
    return 0


def dead(path: str) -> int:
    now = time.time()
    lines = [("number", "service", "reason", "age", "bytes", "body")]
    with _read(path) as database:
        for row in database.execute("select * from dead order by key"):
            letter = rows.dead_of(row)
            if letter is None:
                lines.append((str(row[0]), "", "damaged dead letter", "", "", ""))
                continue
            body = b" ".join(letter.body)
            age = units.duration(max(0.0, now - letter.at))
            about = (str(letter.key), _text(letter.service), letter.reason, age)
            lines.append((*about, units.size(len(body)), _text(body[:SHOWN])))
    _table(lines)
    return 0


def show(path: str, keys: Sequence[int]) -> int:
    with _read(path) as database:
        for key in keys:
            letter = _one(database, "dead", key, rows.dead_of)
            request = _one(database, "request", key, rows.kept_of)
            if letter is None and request is None:
                raise RunError(f"store {path}: no request {key}, or a damaged one")
            if letter is not None:
                why = REASONS.get(letter.reason, letter.reason)
                click.echo(f"dead letter {key} of {_text(letter.service)}: {why}")
                _frames(letter.body)
            if request is not None:
                click.echo(
                    f"request {key} of {_text(request.service)}: {request.attempts} attempts"
                )
                _frames(request.body)
    return 0


def _one(
    database: sqlite3.Connection, table: str, key: int, read: Callable[[rows.Row], T | None]
) -> T | None:
    row = database.execute(f"select * from {table} where key = ?", (key,)).fetchone()
    return None if row is None else read(row)


def requeue(path: str, keys: Sequence[int]) -> int:
    with _write(path) as database:
        for key in keys:
            if not requeue_dead(database, key):
                raise RunError(f"store {path}: no dead letter {key}, or a damaged one")
    click.echo(f"{units.counted(len(keys), 'request')} queued again")
    return 0


def drop(path: str, keys: Sequence[int]) -> int:
    with _write(path) as database:
        for key in keys:
            if not database.execute("delete from dead where key = ?", (key,)).rowcount:
                raise RunError(f"store {path}: no dead letter {key}")
    click.echo(f"{units.counted(len(keys), 'dead letter')} dropped")
    return 0


def check(path: str) -> int:
    """1 when a row is damaged or missing."""
    readers = (("request", rows.kept_of), ("reply", rows.answer_of), ("dead", rows.dead_of))
    wrong: list[str] = []
    with _read(path) as database:
        database.execute("begin")  # all of it at one moment
        found = [_text(row[0]) for row in database.execute("pragma integrity_check")]
        wrong += [line for line in found if line != "ok"]
        for table, read in readers:
            bad = sum(read(row) is None for row in database.execute(f"select * from {table}"))
            if bad:
                wrong.append(f"{units.counted(bad, f'damaged {table}')}")
        [expected] = database.execute("select value from meta where name = 'rows'").fetchone()
        [there] = database.execute("select count(*) from request").fetchone()
    if expected != there:
        wrong.append(f"{expected} requests should be there, and {there} are")
    for line in wrong:
        click.echo(line)
    click.echo("damaged" if wrong else f"ok: {units.counted(there, 'request')}")
    return 1 if wrong else 0


def _frames(body: Sequence[bytes]) -> None:
    for frame in body:
        click.echo(f"  {units.size(len(frame))}  {_text(frame)}")


def _text(raw: bytes) -> str:
    text = raw.decode(errors="replace")
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _table(lines: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())
