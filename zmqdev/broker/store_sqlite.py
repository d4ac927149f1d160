"""A store in one file: SQLite, a transaction for each group, flushed before it counts as settled.

WAL with synchronous FULL: one write and one flush for a group. (With NORMAL, 969 of 1,000
simulated power failures lost requests that had been called kept.) Many rows go into one statement,
because for each statement the thread releases the interpreter and waits to get it back.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

from zmqdev.broker import store_rows as rows
from zmqdev.broker.record import FULL, Answer, Dead, Group, Kept, Settled
from zmqdev.errors import RunError
from zmqdev.system.store_file import StoreFile

# Numbers of rows in a statement; every SQLite allows up to 999 values.
_SIZES = (128, 16, 1)
# Seconds between two deletions of replies that were kept long enough, and how many at a time.
_PURGE, _PURGED = 1.0, 1000
# Seconds to wait at the end for a disk that does not answer.
_FAREWELL = 1.0
_FULL, _NOT_A_DATABASE = 13, 26  # SQLITE_FULL, SQLITE_NOTADB


def connect(path: str, *, read_only: bool = False) -> sqlite3.Connection:
    """Return an open store; RunError when the file is none, or of a later version."""
    mode = "ro" if read_only else "rw"
    try:
        database = sqlite3.connect(
            f"file:{quoted(path)}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=5,
        )
        database.text_factory = bytes
        _check_version(database, path, read_only)
    except sqlite3.Error as error:
        raise RunError(f"store {path}: {_in_words(error)}") from error
    return database


def _check_version(database: sqlite3.Connection, path: str, read_only: bool) -> None:
    [application] = database.execute("pragma application_id").fetchone()
    [version] = database.execute("pragma user_version").fetchone()
    [tables] = database.execute("select count(*) from sqlite_master").fetchone()
    if not tables and not read_only:
        return
    if application != rows.APPLICATION:
        raise RunError(f"store {path}: made by another program; use another file")
    if version > rows.VERSION:
        raise RunError(
            f"store {path}: of version {version}; this zmqdev reads up to {rows.VERSION}"
        )


def quoted(path: str) -> str:
    """As a part of a URI."""
    return "".join(f"%{byte:02x}" if byte in b"%?#" else chr(byte) for byte in os.fsencode(path))


def _in_words(error: sqlite3.Error) -> str:
    if getattr(error, "sqlite_errorcode", None) == _NOT_A_DATABASE or "not a database" in str(
        error
    ):
        return "not a store of zmqdev; use another file"
    return str(error)


def is_full(error: sqlite3.Error) -> bool:
    """Return whether the error means a full disk or file."""
    return getattr(error, "sqlite_errorcode", _FULL) == _FULL and "full" in str(error)


class SqliteStore:
    """A store in a SQLite file, see `Store`. `size`: maximum bytes of the file."""

    def __init__(self, path: str, size: int, wall: Callable[[], float] = time.time) -> None:
        self.name = path
        self._wall = wall
        self._file = StoreFile(path)
        try:
            self._database = connect(path)
            self._prepare(size)
        except sqlite3.Error as error:
            self._file.close()
            raise RunError(f"store {path}: {_in_words(error)}") from error
        except BaseException:
            self._file.close()
            raise
        self._file.reserve()
        self._groups: SimpleQueue[Group | None] = SimpleQueue()
        self._settled: deque[Settled | RunError] = deque()
        self.descriptor, self._bell = os.pipe()
        os.set_blocking(self.descriptor, False)
        self._thread = threading.Thread(target=self._serve, name="store", daemon=True)
        self.idle = True
        self.first_key = 1
        self.damaged: tuple[Dead, ...] = ()
        self._purged = 0.0
        self._thread.start()

    def _prepare(self, size: int) -> None:
        database = self._database
        [mode] = database.execute("pragma journal_mode=wal").fetchone()
        if mode not in (b"wal", "wal"):
            raise RunError(f"store {self.name}: its file system lacks what SQLite needs")
        database.execute("pragma synchronous=full")
        [page] = database.execute("pragma page_size").fetchone()
        database.execute(f"pragma max_page_count={max(16, size // page)}")
        database.execute("pragma journal_size_limit=67108864")
        if not database.execute("select count(*) from sqlite_master").fetchone()[0]:
            self._make()

    def _make(self) -> None:
        database = self._database
        database.execute("begin immediate")
        for statement in rows.TABLES:
            database.execute(statement)
        database.execute(f"pragma application_id={rows.APPLICATION}")
        database.execute(f"pragma user_version={rows.VERSION}")
        database.execute("commit")

    # At the start

    def recover(self) -> Iterable[Kept]:
        try:
            self._check_tables()
            found = self._database.execute("select * from request order by key").fetchall()
            [expected] = self._database.execute(
                "select value from meta where name = 'rows'"
            ).fetchone() or (None,)
            records = self._sorted_out(found, expected)
            [last] = self._database.execute(
                "select max(key) from (select key from request union all select key from dead)"
            ).fetchone()
        except sqlite3.Error as error:
            raise RunError(
                f"store {self.name}: the file is damaged; keep a copy ({error})"
            ) from error
        self.first_key = 1 + max(last or 0, *(record.key for record in records), 0)
        return records

    def _check_tables(self) -> None:
        """Check the tables' definitions, as a flipped bit there makes a different table."""
        made = self._database.execute("select sql from sqlite_master where sql is not null")
        there = sorted(bytes(sql).decode(errors="replace").lower() for (sql,) in made)
        if there != sorted(line for line in rows.TABLES if line.startswith("create")):
            raise sqlite3.DatabaseError("its tables are not those of a zmqdev store")

    def _sorted_out(self, found: Sequence[rows.Row], expected: object) -> list[Kept]:
        """Return the whole records; damaged and missing ones become dead letters."""
        now = self._wall()
        whole = [(row, rows.kept_of(row)) for row in found]
        records = [kept for _, kept in whole if kept is not None]
        bad = [rows.damaged_of(row, now) for row, kept in whole if kept is None]
        missing = expected - len(found) if isinstance(expected, int) else 0
        lowest = min((row[0] for row in found), default=0)
        bad += [
            Dead(lowest - 1 - number, None, b"", "damaged", now, ())
            for number in range(min(max(0, missing), _PURGED))
        ]
        if bad or expected != len(found):
            self._database.execute("begin immediate")
            self._insert("dead", [rows.dead_row(dead) for dead in bad])
            self._delete([dead.key for dead in bad])
            self._database.execute(
                "insert or replace into meta values ('rows', ?)", (len(records),)
            )
            self._database.execute("commit")
        self.damaged = tuple(bad)
        return records

    # While it runs

    def write(self, group: Group) -> None:
        assert self.idle, "one group at a time"
        self.idle = False
        self._groups.put(group)

    def settled(self) -> Settled | None:
        if not self._settled:
            return None
        try:
            os.read(self.descriptor, 1)
        except BlockingIOError:
            return None  # the thread makes it readable a moment after it has put the result there
        found = self._settled.popleft()
        self.idle = True
        if isinstance(found, RunError):
            raise found
        return found

    def close(self) -> None:
        self._groups.put(None)
        self._thread.join(_FAREWELL)
        if self._thread.is_alive():
            return  # its disk hangs: all of it ends with the process, the lock too
        self._database.close()
        self._file.close()
        os.close(self.descriptor)
        os.close(self._bell)

    # In the thread

    def _serve(self) -> None:
        while (group := self._groups.get()) is not None:
            began = time.monotonic()
            try:
                settled: Settled | RunError = self._settle(group, began)
            except sqlite3.Error as error:
                settled = RunError(f"store {self.name}: {_in_words(error)}")
            except RunError as error:
                settled = error
            self._settled.append(settled)
            os.write(self._bell, b"!")

    def _settle(self, group: Group, began: float) -> Settled:
        refused, unwritten = "", False
        try:
            if began - self._purged > _PURGE:
                self._purge(began)
            answers = self._commit(group)
        except sqlite3.Error as error:
            if not is_full(error):
                raise
            refused = FULL
            unwritten = not self._commit_rest(group)
            answers = self._found(group.asked)
        if not self._file.is_there():
            raise RunError(f"store {self.name}: the file was deleted or replaced")
        return Settled(
            group,
            refused,
            unwritten,
            answers,
            seconds=time.monotonic() - began,
            size=self._file.size(),
        )

    def _commit_rest(self, group: Group) -> bool:
        """Write the parts that make room, and those kept before.

        Returns False when not even that can be written.
        """
        rest = replace(group, accepted=(), asked=())
        return self._fits(rest) or (self._file.give_up_reserve() and self._fits(rest))

    def _fits(self, group: Group) -> bool:
        try:
            self._commit(group)
        except sqlite3.Error as error:
            if not is_full(error):
                raise
            return False
        return True

    def _commit(self, group: Group) -> dict[bytes, Answer]:
        database = self._database
        database.execute("begin immediate")
        try:
            self._write(group)
            answers = self._found(group.asked)
            database.execute("commit")
        except BaseException:
            if database.in_transaction:
                database.execute("rollback")
            raise
        return answers

    def _write(self, group: Group) -> None:
        # Delete first, as the free pages make room for new rows.
        gone = self._delete(group.ended)
        self._insert("request", [rows.request_row(kept) for kept in group.accepted])
        for kept in group.attempts:
            row = rows.request_row(kept)
            self._database.execute(
                "update request set arrived = ?, attempts = ?, crc = ? where key = ?",
                (kept.arrived, kept.attempts, row[-1], kept.key),
            )
        self._insert("reply", [rows.reply_row(answer) for answer in group.answers])
        self._insert("dead", [rows.dead_row(dead) for dead in group.dead])
        for part in _portions(group.forgotten):
            marks = ",".join("?" * len(part))
            self._database.execute(f"delete from reply where call in ({marks})", part)
        if len(group.accepted) != gone:
            self._database.execute(
                "update meta set value = value + ? where name = 'rows'",
                (len(group.accepted) - gone,),
            )

    def _insert(self, table: str, values: Sequence[rows.Row]) -> None:
        for part in _portions(values):
            row = f"({','.join('?' * len(part[0]))})"
            self._database.execute(
                f"insert or replace into {table} values {','.join([row] * len(part))}",
                [value for one in part for value in one],
            )

    def _delete(self, keys: Sequence[int]) -> int:
        """Delete requests; return how many there were."""
        gone = 0
        for part in _portions(keys):
            marks = ",".join("?" * len(part))
            gone += self._database.execute(
                f"delete from request where key in ({marks})", part
            ).rowcount
        return gone

    def _found(self, asked: Sequence[bytes]) -> dict[bytes, Answer]:
        found: dict[bytes, Answer] = {}
        for part in _portions(asked):
            marks = ",".join("?" * len(part))
            for row in self._database.execute(f"select * from reply where call in ({marks})", part):
                answer = rows.answer_of(row)
                if answer is not None and answer.until > self._wall():
                    found[answer.call] = answer
        return found

    def _purge(self, now: float) -> None:
        """Delete replies that were kept long enough."""
        self._purged = now
        self._file.reserve()
        self._database.execute(
            "delete from reply where call in (select call from reply where until < ? limit ?)",
            (self._wall(), _PURGED),
        )


def _portions(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield portions of few different sizes, so that few statements are prepared."""
    at = 0
    for size in _SIZES:
        while len(values) - at >= size:
            yield values[at : at + size]
            at += size


def requeue_dead(database: sqlite3.Connection, key: int) -> bool:
    """Make a request of a dead letter again, with no attempts; call it within a transaction.

    Returns False when there is none with that number that can be read.
    """
    row = database.execute("select * from dead where key = ?", (key,)).fetchone()
    dead = None if row is None else rows.dead_of(row)
    if dead is None or dead.reason == "damaged":
        return False
    kept = Kept(key, dead.call, dead.service, dead.at, 0, dead.body)
    database.execute("delete from dead where key = ?", (key,))
    marks = ",".join("?" * len(rows.request_row(kept)))
    database.execute(f"insert into request values ({marks})", rows.request_row(kept))
    if dead.call is not None:  # it has not ended after all
        database.execute("delete from reply where call = ?", (dead.call,))
    database.execute("update meta set value = value + 1 where name = 'rows'")
    return True
