"""The verbs of `zmqdev store` for a database. Each returns an exit status or raises RunError.

Queues may use the database meanwhile. A requeued request is stored as if its queue had
ended, so the first queue that looks takes it over.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from zmqdev.broker import postgres_tables as tables
from zmqdev.broker import store_rows as rows
from zmqdev.broker.postgres_database import PostgresDatabase
from zmqdev.broker.postgres_errors import DatabaseAway, DatabaseFull
from zmqdev.broker.record import Dead
from zmqdev.errors import RunError
from zmqdev.stats import units
from zmqdev.tools.store import text


@contextmanager
def _open(url: str) -> Iterator[PostgresDatabase]:
    database = PostgresDatabase(url)
    try:
        if not database.have_tables():
            raise RunError(f"store {database.name}: no store there; a queue makes it")
        yield database
    except (DatabaseAway, DatabaseFull) as error:
        raise RunError(f"store {database.name}: {error}") from error
    finally:
        database.close()


def services(url: str) -> int:
    """Print a line for each service, one for each queue that uses the database, and the total."""
    now = time.time()
    with _open(url) as database:
        found = {
            service: (count, oldest, int(size))
            for service, count, oldest, size in database.ask(tables.SERVICES)
        }
        dead: dict[bytes, int] = dict(database.ask(tables.DEAD_SERVICES))
        runs = database.ask(tables.RUNS)
        [(replies,)] = database.ask(tables.REPLIES)
        size = database.size()
    lines = [text.SERVICE_HEAD]
    for service in sorted({*found, *dead}):
        held = found.get(service, text.NOTHING)
        lines.append(text.service_line(service, held, dead.get(service, 0), now))
    text.table(lines)
    click.echo("")
    text.table([("queue", "requests", "lease"), *(_run(*run) for run in runs)])
    click.echo(f"replies kept: {replies}; tables {units.size(size)}")
    return 0


def _run(queue: str, requests: int, left: float, adopter: str | None) -> tuple[str, ...]:
    lease = units.duration(left) if left > 0 else "over"
    if adopter is not None:
        lease = f"taken over by {adopter}"
    return queue, str(requests), lease


def _dead_of(row: tuple[object, ...]) -> Dead | None:
    return rows.dead_of(row[1:])


def dead(url: str) -> int:
    """List the dead letters."""
    now = time.time()
    with _open(url) as database:
        found = database.ask(tables.DEAD)
    text.table([text.DEAD_HEAD, *(text.dead_line(row[0], _dead_of(row), now) for row in found)])
    return 0


def _one(database: PostgresDatabase, number: int) -> Dead:
    found = database.ask(tables.ONE_DEAD, number=number)
    letter = _dead_of(found[0]) if found else None
    if letter is None:
        raise RunError(f"store {database.name}: no dead letter {number}, or a damaged one")
    return letter


def show(url: str, numbers: Sequence[int]) -> int:
    """Print dead letters with their bodies."""
    with _open(url) as database:
        for number in numbers:
            text.show_dead(number, _one(database, number))
    return 0


def requeue(url: str, numbers: Sequence[int]) -> int:
    """Queue dead letters again."""
    with _open(url) as database:
        letters = [(number, _one(database, number)) for number in numbers]
        for number, letter in letters:
            if letter.reason == "damaged":
                raise RunError(f"store {database.name}: no dead letter {number}, or a damaged one")
        database.requeue(letters)
    click.echo(f"{units.counted(len(numbers), 'request')} queued again")
    return 0


def drop(url: str, numbers: Sequence[int]) -> int:
    """Delete dead letters."""
    with _open(url) as database:
        for number in numbers:
            if not database.drop_dead(number):
                raise RunError(f"store {database.name}: no dead letter {number}")
    click.echo(f"{units.counted(len(numbers), 'dead letter')} dropped")
    return 0


def check(url: str) -> int:
    """Read every row; return 1 when one is damaged."""
    readers = {"request": rows.kept_of, "reply": rows.answer_of, "dead": rows.dead_of}
    wrong, counts = [], {}
    with _open(url) as database:
        for table, read in readers.items():
            counts[table] = bad = 0
            for row in database.every(tables.ALL_ROWS[table]):
                counts[table] += 1
                bad += read(row) is None
            if bad:
                wrong.append(units.counted(bad, f"damaged {table}"))
    return text.verdict(wrong, units.counted(counts["request"], "request"))
