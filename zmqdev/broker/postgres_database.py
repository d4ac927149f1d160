"""The PostgreSQL connection of a store: its statements, and the meaning of its errors.

Only this module imports psycopg. A connection is used by one thread at a time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Format

from zmqdev.broker import postgres_tables as tables
from zmqdev.broker import store_rows as rows
from zmqdev.broker.record import Answer, Dead, Group, Kept
from zmqdev.errors import RunError
from zmqdev.options.store_url import without_password

# (run, key): what a request is known by in the database.
Place = tuple[int, int]
Row = tuple[Any, ...]

# Of the connection, unless the URL says something else. A dead machine is noticed in
# five seconds; one that answers slowly is waited for.
_NETWORK: dict[str, Any] = {
    "connect_timeout": 2,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
    "target_session_attrs": "read-write",
    "application_name": "zmqdev",
    "client_encoding": "utf8",
}
# What a database says that is shut down, starts, is full of connections, was failed over, or has
# changed its passwords: first characters of an error's code.
_PASSES = ("08", "57P", "53", "25006", "28", "3D", "55P")
_DISK_FULL = "53100"
# A deadlock, or the statement was cancelled.
_AGAIN = ("40", "57014")
_PERMISSION = "42501"
_LIBPQ_ASKS = "Is the server running"
_HINTS = {
    "password authentication failed": "give the password in PGPASSFILE, or in a file as ${NAME}",
    "no password supplied": "give the password in PGPASSFILE, or in a file as ${NAME}",
    "could not translate host name": "check the host in the URL",
    "resolve host": "check the host in the URL",
    "Connection refused": "is PostgreSQL started there?",
    "No such file or directory": "is PostgreSQL started here? a host in the URL asks by TCP",
    "timeout expired": "check the host, and what stands between",
    "role": "make it with createuser",
    "database": "make it with createdb",
    "read-only": "name the primary, or all hosts",
}


class DatabaseAway(Exception):
    """The database cannot be reached now. The group that was being written may have
    been written."""


class DatabaseFull(Exception):
    """The disk of the database is full. Nothing was written."""


class RunTaken(Exception):
    """Another queue holds this run, or its row is gone. Nothing was written."""


class _Array:
    """The values of one parameter, as PostgreSQL has them in binary."""

    def __init__(self, element: int, parts: Iterable[bytes], length: int) -> None:
        # Dimensions, whether any is null, the type of an element; its length, and the first index.
        head = struct.pack(">iiIii", 1, 1, element, length, 1)
        self.data = b"".join(chain((head,), parts))


class _Int8s(_Array):
    def __init__(self, values: Sequence[int]) -> None:
        pack = struct.Struct(">iq").pack
        super().__init__(20, (pack(8, value) for value in values), len(values))


class _Float8s(_Array):
    def __init__(self, values: Sequence[float]) -> None:
        pack = struct.Struct(">id").pack
        super().__init__(701, (pack(8, value) for value in values), len(values))


class _Byteas(_Array):
    def __init__(self, values: Sequence[bytes | None]) -> None:
        pack = struct.Struct(">i").pack
        none = pack(-1)
        parts = (none if value is None else pack(len(value)) + value for value in values)
        super().__init__(17, parts, len(values))


class _ArrayDumper(Dumper):
    """Always of one type, so that a statement is prepared once; psycopg's depends on the values."""

    format = Format.BINARY

    def dump(self, obj: _Array) -> bytes:
        return obj.data


class _Int8sDumper(_ArrayDumper):
    oid = 1016


class _Float8sDumper(_ArrayDumper):
    oid = 1022


class _ByteasDumper(_ArrayDumper):
    oid = 1001


_DUMPERS = {_Int8s: _Int8sDumper, _Float8s: _Float8sDumper, _Byteas: _ByteasDumper}


class PostgresDatabase:
    """`url`: as the user wrote it. Methods raise DatabaseAway, DatabaseFull and RunTaken, and
    RunError for faults that do not pass by themselves."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.name = without_password(url)
        self.warnings: list[str] = []
        self._connection: psycopg.Connection[Row] | None = None

    # The connection

    def open(self) -> None:
        """Connect, and create the tables if there are none. RunError with the reason
        and the fix."""
        try:
            self._connect(self._words())
            self._have_tables()
        except psycopg.Error as error:
            self.close()
            raise RunError(f"store {self.name}: {self._in_words(error)}") from error
        except BaseException:
            self.close()
            raise

    def connect(self) -> None:
        """Connect again after the database was away."""
        if self._connection is not None:
            return
        try:
            self._connect(self._words())
        except psycopg.Error as error:
            self.close()
            raise DatabaseAway(self._in_words(error)) from error

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _words(self) -> dict[str, Any]:
        try:
            given = conninfo_to_dict(self._url)
        except psycopg.ProgrammingError:
            given = {"port": "wrong"}
        if not str(given.get("port", "")).replace(",", "").isdigit() and given.get("port"):
            # What libpq says of it may have a part of the password: 'a/b' begins a path.
            raise RunError(
                f"store {self.name}: not a URL of PostgreSQL; write postgresql://USER@HOST/DATABASE"
                " (with % and two hex digits for other characters than letters and digits)"
            )
        return {name: value for name, value in _NETWORK.items() if name not in given}

    def _connect(self, words: Mapping[str, Any]) -> None:
        connection = psycopg.connect(self._url, autocommit=True, **words)
        self._connection = connection
        for kind, dumper in _DUMPERS.items():
            connection.adapters.register_dumper(kind, dumper)
        connection.prepare_threshold = 0
        connection.execute(tables.SESSION.encode(), prepare=False)
        commits, flushes = self._one(tables.FLUSHES)
        if commits in ("off", "local"):
            connection.execute("set synchronous_commit = on")
        if flushes == "off":
            self.warnings = [
                f"store {self.name}: PostgreSQL has fsync off; a loss of its power loses requests"
            ]

    def _have_tables(self) -> None:
        connection = self._open
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", (tables.LOCK,))
            ours, schema = self._one(tables.OURS)
            if not schema:
                for statement in tables.TABLES:
                    connection.execute(statement.encode(), prepare=False)
        if schema:
            self._check_version(ours)

    def have_tables(self) -> bool:
        """Whether there is a store of ours and of a version that is known; none is created."""
        try:
            self._connect(self._words())
            ours, schema = self._one(tables.OURS)
            if schema:
                self._check_version(ours)
        except psycopg.Error as error:
            self.close()
            raise RunError(f"store {self.name}: {self._in_words(error)}") from error
        return bool(schema)

    def _check_version(self, ours: bool) -> None:
        try:
            found = self._all(tables.READ_VERSION) if ours else []
        except psycopg.errors.UndefinedColumn:
            found = []
        version = found[0][0] if found else ""
        if not version.isdigit():
            raise RunError(
                f"store {self.name}: its schema zmqdev was made by another program; "
                "name another database"
            )
        if int(version) > tables.VERSION:
            raise RunError(
                f"store {self.name}: of version {version}; this zmqdev reads up to {tables.VERSION}"
            )

    def _in_words(self, error: psycopg.Error) -> str:
        """One line, with what to do where that is known."""
        lines = [line.strip() for line in str(error).splitlines()]
        parts = [line for line in lines if line and not line.startswith(_LIBPQ_ASKS)]
        text = "; ".join(dict.fromkeys(part.removeprefix("connection failed: ") for part in parts))
        if error.sqlstate == _PERMISSION:
            return f"{text}; give its user the right: grant create on database … to …"
        hint = next((fix for words, fix in _HINTS.items() if words in text), "")
        return f"{text}; {hint}" if hint else text

    @property
    def _open(self) -> psycopg.Connection[Row]:
        if self._connection is None:
            raise DatabaseAway("no connection")
        return self._connection

    def _one(self, statement: str, **values: Any) -> Row:
        row = self._open.execute(statement.encode(), values or None, binary=True).fetchone()
        assert row is not None
        return row

    def _all(self, statement: str, **values: Any) -> list[Row]:
        return self._open.execute(statement.encode(), values or None, binary=True).fetchall()

    def _do(self, statement: str, **values: Any) -> int:
        return self._open.execute(statement.encode(), values or None).rowcount

    # Runs

    def begin_run(self, queue: str, lease: float) -> int:
        with _Meaning(self):
            return int(self._one(tables.BEGIN_RUN, queue=queue, lease=lease)[0])

    def renew(self, run: int, lease: float) -> bool:
        """Renew the lease. Returns False when it had already expired."""
        with _Meaning(self):
            found = self._all(tables.RENEW, run=run, lease=lease)
            if not found:
                raise RunTaken
            return not found[0][0]

    def adopter(self, run: int) -> str:
        """The run that has taken this one over, as text; "" when that is unknown."""
        with _Meaning(self):
            found = self._all(tables.ADOPTER, run=run)
            return str(found[0][0]) if found else ""

    def adopt(self, run: int) -> dict[int, str]:
        """Take over runs with an expired lease. Returns them with the queues they belonged to."""
        with _Meaning(self):
            return dict(self._all(tables.ADOPT, run=run))

    def fetch(self, run: int, after: int, most: int) -> list[Row]:
        """The next rows of a run's requests: the run, and the row as `store_rows` packs it."""
        with _Meaning(self):
            return self._all(tables.FETCH, run=run, after=after, most=most)

    def forget(self, run: int, held: Sequence[int]) -> None:
        """Delete held runs that have no requests any more."""
        with _Meaning(self):
            self._do(tables.FORGET_RUN, run=run, runs=_Int8s(held))

    def leave(self, run: int) -> None:
        with _Meaning(self):
            for statement in tables.LEAVE:
                self._do(statement, run=run)

    # Groups

    def commit(
        self,
        run: int,
        accepted: Sequence[Kept],
        group: Group,
        attempts: Sequence[tuple[Place, Kept]],
        ended: Sequence[Place],
        dead: Sequence[tuple[Place, Dead]],
    ) -> int:
        """Write a group. Returns how many of the accepted requests were inserted; the others exist
        already. `group` has the answers; the rest is given by its places."""
        with _Meaning(self):
            if not attempts and not dead and not group.forgotten:
                return self._commit(run, accepted, group.answers, ended)
            with self._open.transaction():
                inserted = self._commit(run, accepted, group.answers, ended)
                if attempts:
                    self._change(attempts)
                if dead:
                    self._bury(dead)
                if group.forgotten:
                    self._do(tables.FORGET, calls=_Byteas(list(group.forgotten)))
                return inserted

    def _commit(
        self, run: int, accepted: Sequence[Kept], answers: Sequence[Answer], ended: Sequence[Place]
    ) -> int:
        replies = _columns([rows.reply_row(answer) for answer in answers], 5)
        places = _columns(ended, 2)
        alive, inserted = self._one(
            tables.COMMIT,
            run=run,
            ended_runs=_Int8s(places[0]),
            ended_keys=_Int8s(places[1]),
            **_request_columns(accepted),
            reply_calls=_Byteas(replies[0]),
            reply_untils=_Float8s(replies[1]),
            reply_codes=_Byteas(replies[2]),
            reply_bodies=_Byteas(replies[3]),
            reply_crcs=_Int8s(replies[4]),
        )
        if not alive:
            raise RunTaken
        return int(inserted)

    def _change(self, attempts: Sequence[tuple[Place, Kept]]) -> None:
        changed = [rows.request_row(kept._replace(key=place[1])) for place, kept in attempts]
        columns = _columns(changed, 7)
        self._do(
            tables.CHANGE,
            runs=_Int8s([place[0] for place, _ in attempts]),
            keys=_Int8s(columns[0]),
            arrivals=_Float8s(columns[3]),
            attempts=_Int8s(columns[4]),
            crcs=_Int8s(columns[6]),
        )

    def _bury(self, dead: Sequence[tuple[Place, Dead]]) -> None:
        buried = [rows.dead_row(one._replace(key=place[1])) for place, one in dead]
        columns = _columns(buried, 7)
        self._do(
            tables.BURY,
            runs=_Int8s([place[0] for place, _ in dead]),
            keys=_Int8s(columns[0]),
            calls=_Byteas(columns[1]),
            services=_Byteas(columns[2]),
            reasons=_Byteas(columns[3]),
            times=_Float8s(columns[4]),
            bodies=_Byteas(columns[5]),
            crcs=_Int8s(columns[6]),
        )

    def there(self, run: int, accepted: Sequence[Kept]) -> tuple[set[int], set[bytes]]:
        """Of these requests: (keys that this run has, ids that another run has)."""
        with _Meaning(self):
            keys = [kept.key for kept in accepted]
            calls = [kept.call for kept in accepted if kept.call is not None]
            found = self._all(tables.THERE, run=run, keys=_Int8s(keys), calls=_Byteas(calls))
        own = {key for _, whose, key in found if whose == run}
        return own, {call for call, whose, key in found if whose != run or key not in keys}

    def asked(
        self, calls: Sequence[bytes], held: Sequence[int]
    ) -> tuple[dict[bytes, Answer], frozenset[bytes]]:
        """Of these ids: (answers that are kept, ids that a run has which is not one of the held
        ones)."""
        with _Meaning(self):
            found = self._all(tables.ASKED, calls=_Byteas(calls), held=_Int8s(held))
        answers = [rows.answer_of(row) for row in found if row[1] is not None]
        elsewhere = frozenset(row[0] for row in found if row[1] is None)
        return {one.call: one for one in answers if one is not None}, elsewhere

    def bury_damaged(self, dead: Sequence[tuple[Place, Dead]]) -> None:
        """Make dead letters of rows that cannot be read."""
        with _Meaning(self), self._open.transaction():
            self._bury(dead)
            for (run, key), _ in dead:
                self._do(
                    "delete from zmqdev.request where run = %(run)s and key = %(key)s",
                    run=run,
                    key=key,
                )

    # For people who look

    def ask(self, statement: str, **values: Any) -> list[Row]:
        """The rows that a statement of `postgres_tables` finds."""
        with _Meaning(self):
            return self._all(statement, **values)

    def every(self, statement: str) -> Iterator[Row]:
        """As `ask`, for many rows, read in portions."""
        with _Meaning(self), self._open.transaction():
            cursor = self._open.cursor("every", binary=True)
            cursor.execute(statement.encode())
            yield from cursor

    def drop_dead(self, number: int) -> bool:
        with _Meaning(self):
            return self._do(tables.DROP_DEAD, number=number) > 0

    def requeue(self, letters: Sequence[tuple[int, Dead]]) -> None:
        """Make requests of dead letters again, in a run that the next queue takes over."""
        with _Meaning(self), self._open.transaction():
            run = int(self._one(tables.LEFT_RUN)[0])
            requests = [
                Kept(number, one.call, one.service, one.at, 0, one.body) for number, one in letters
            ]
            self._do(tables.REQUEUE, run=run, **_request_columns(requests))
            for number, one in letters:
                self._do(tables.DROP_DEAD, number=number)
                if one.call is not None:  # it has not ended after all
                    self._do(tables.FORGET_REPLY, call=one.call)

    def purge(self, now: float) -> None:
        with _Meaning(self):
            self._do(tables.PURGE, now=now)

    def size(self) -> int:
        with _Meaning(self):
            return int(self._one(tables.SIZE)[0])

    def meaning_of(self, error: psycopg.Error) -> Exception:
        """The exception of this module that stands for an error of psycopg."""
        state = error.sqlstate or ""
        words = self._in_words(error)
        if state == _DISK_FULL:
            return DatabaseFull(words)
        if not state or state.startswith((*_PASSES, *_AGAIN)):
            return DatabaseAway(words)
        return RunError(f"store {self.name}: {words}")


class _Meaning:
    """Around what is said to the database."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, psycopg.Error):
            raise self._database.meaning_of(error) from error


def _columns(found: Sequence[Row], width: int) -> list[Sequence[Any]]:
    return list(zip(*found, strict=True)) if found else [()] * width


def _request_columns(found: Sequence[Kept]) -> dict[str, _Array]:
    columns = _columns([rows.request_row(kept) for kept in found], 7)
    return {
        "keys": _Int8s(columns[0]),
        "calls": _Byteas(columns[1]),
        "services": _Byteas(columns[2]),
        "arrivals": _Float8s(columns[3]),
        "attempts": _Int8s(columns[4]),
        "bodies": _Byteas(columns[5]),
        "crcs": _Int8s(columns[6]),
    }
