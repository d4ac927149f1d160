"""The PostgreSQL connection of a store, used by one thread at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from zmqdev.broker import postgres_tables as tables
from zmqdev.broker import store_rows as rows
from zmqdev.broker.postgres_arrays import (
    DUMPERS,
    Byteas,
    Float8s,
    Int8s,
    columns_of,
    request_columns,
)
from zmqdev.broker.postgres_errors import DatabaseAway, RunTaken, in_words, meaning
from zmqdev.broker.record import Answer, Dead, Group, Kept
from zmqdev.errors import RunError
from zmqdev.options.store_url import without_password

# (run, key) of a request in the database.
Place = tuple[int, int]
Row = tuple[Any, ...]

# Parameters of the connection, unless the URL sets them. A dead machine is noticed in five
# seconds; a slow one is waited for.
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


class PostgresDatabase:
    """A connection. `url` is as the user wrote it.

    Methods raise DatabaseAway, DatabaseFull and RunTaken, and RunError for permanent errors.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.name = without_password(url)
        self.warnings: list[str] = []
        self._connection: psycopg.Connection[Row] | None = None

    # The connection

    def open(self) -> None:
        """Connect, and create the tables if needed; RunError has the reason and the fix."""
        try:
            self._connect(self._words())
            self._have_tables()
        except psycopg.Error as error:
            self.close()
            raise RunError(f"store {self.name}: {in_words(error)}") from error
        except BaseException:
            self.close()
            raise

    def connect(self) -> bool:
        """Connect again after the database was away; whether that was needed."""
        if self._connection is not None:
            return False
        try:
            self._connect(self._words())
        except psycopg.Error as error:
            self.close()
            raise DatabaseAway(in_words(error)) from error
        return True

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _words(self) -> dict[str, Any]:
        try:
            given = conninfo_to_dict(self._url)
        except psycopg.ProgrammingError:
            given = {"port": "wrong"}
        if not str(given.get("port", "")).replace(",", "").isdigit() and given.get("port"):
            # libpq's message may contain a part of the password: 'a/b' begins a path.
            raise RunError(
                f"store {self.name}: not a URL of PostgreSQL; write postgresql://USER@HOST/DATABASE"
                " (with % and two hex digits for other characters than letters and digits)"
            )
        return {name: value for name, value in _NETWORK.items() if name not in given}

    def _connect(self, words: Mapping[str, Any]) -> None:
        connection = psycopg.connect(self._url, autocommit=True, **words)
        self._connection = connection
        for kind, dumper in DUMPERS.items():
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
        """Return whether there is a store of a known version; create nothing."""
        try:
            self._connect(self._words())
            ours, schema = self._one(tables.OURS)
            if schema:
                self._check_version(ours)
        except psycopg.Error as error:
            self.close()
            raise RunError(f"store {self.name}: {in_words(error)}") from error
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
        """Insert a run with a lease and return its number."""
        with meaning(self.name):
            return int(self._one(tables.BEGIN_RUN, queue=queue, lease=lease)[0])

    def renew(self, run: int, lease: float) -> bool:
        """Renew the lease; return False when it had already expired."""
        with meaning(self.name):
            found = self._all(tables.RENEW, run=run, lease=lease)
            if not found:
                raise RunTaken
            return not found[0][0]

    def adopter(self, run: int) -> str:
        """Return the run that has taken this one over, as text; "" when that is unknown."""
        with meaning(self.name):
            found = self._all(tables.ADOPTER, run=run)
            return str(found[0][0]) if found else ""

    def adopt(self, run: int) -> dict[int, str]:
        """Take over runs with an expired lease; return {run: its queue}."""
        with meaning(self.name):
            return dict(self._all(tables.ADOPT, run=run))

    def fetch(self, run: int, after: int, most: int) -> list[Row]:
        """Return the next rows of a run's requests: the run, and the row of `store_rows`."""
        with meaning(self.name):
            return self._all(tables.FETCH, run=run, after=after, most=most)

    def forget(self, run: int, held: Sequence[int]) -> None:
        """Delete held runs that have no more requests."""
        with meaning(self.name):
            self._do(tables.FORGET_RUN, run=run, runs=Int8s(held))

    def leave(self, run: int) -> None:
        """End the lease of the run."""
        with meaning(self.name):
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
        """Write a group; return how many of the accepted requests were inserted.

        The others exist already. `group` has the answers; the rest is given with its places.
        """
        with meaning(self.name):
            if not attempts and not dead and not group.forgotten:
                return self._commit(run, accepted, group.answers, ended)
            with self._open.transaction():
                inserted = self._commit(run, accepted, group.answers, ended)
                if attempts:
                    self._change(attempts)
                if dead:
                    self._bury(dead)
                if group.forgotten:
                    self._do(tables.FORGET, calls=Byteas(list(group.forgotten)))
                return inserted

    def _commit(
        self, run: int, accepted: Sequence[Kept], answers: Sequence[Answer], ended: Sequence[Place]
    ) -> int:
        replies = columns_of([rows.reply_row(answer) for answer in answers], 5)
        places = columns_of(ended, 2)
        alive, inserted = self._one(
            tables.COMMIT,
            run=run,
            ended_runs=Int8s(places[0]),
            ended_keys=Int8s(places[1]),
            **request_columns(accepted),
            reply_calls=Byteas(replies[0]),
            reply_untils=Float8s(replies[1]),
            reply_codes=Byteas(replies[2]),
            reply_bodies=Byteas(replies[3]),
            reply_crcs=Int8s(replies[4]),
        )
        if not alive:
            raise RunTaken
        return int(inserted)

    def _change(self, attempts: Sequence[tuple[Place, Kept]]) -> None:
        changed = [rows.request_row(kept._replace(key=place[1])) for place, kept in attempts]
        columns = columns_of(changed, 7)
        self._do(
            tables.CHANGE,
            runs=Int8s([place[0] for place, _ in attempts]),
            keys=Int8s(columns[0]),
            arrivals=Float8s(columns[3]),
            attempts=Int8s(columns[4]),
            crcs=Int8s(columns[6]),
        )

    def _bury(self, dead: Sequence[tuple[Place, Dead]]) -> None:
        buried = [rows.dead_row(one._replace(key=place[1])) for place, one in dead]
        columns = columns_of(buried, 7)
        self._do(
            tables.BURY,
            runs=Int8s([place[0] for place, _ in dead]),
            keys=Int8s(columns[0]),
            calls=Byteas(columns[1]),
            services=Byteas(columns[2]),
            reasons=Byteas(columns[3]),
            times=Float8s(columns[4]),
            bodies=Byteas(columns[5]),
            crcs=Int8s(columns[6]),
        )

    def there(self, run: int, accepted: Sequence[Kept]) -> tuple[set[int], set[bytes]]:
        """Return, of these requests, (keys that this run has, ids that another run has)."""
        with meaning(self.name):
            keys = [kept.key for kept in accepted]
            calls = [kept.call for kept in accepted if kept.call is not None]
            found = self._all(tables.THERE, run=run, keys=Int8s(keys), calls=Byteas(calls))
        own = {key for _, whose, key in found if whose == run}
        return own, {call for call, whose, key in found if whose != run or key not in keys}

    def asked(
        self, calls: Sequence[bytes], held: Sequence[int]
    ) -> tuple[dict[bytes, Answer], frozenset[bytes]]:
        """Return, of these ids, (answers that are kept, ids that another run has).

        Runs that this one holds do not count as another.
        """
        with meaning(self.name):
            found = self._all(tables.ASKED, calls=Byteas(calls), held=Int8s(held))
        answers = [rows.answer_of(row) for row in found if row[1] is not None]
        elsewhere = frozenset(row[0] for row in found if row[1] is None)
        return {one.call: one for one in answers if one is not None}, elsewhere

    def bury_damaged(self, dead: Sequence[tuple[Place, Dead]]) -> None:
        """Make dead letters of rows that cannot be read."""
        with meaning(self.name), self._open.transaction():
            self._bury(dead)
            for (run, key), _ in dead:
                self._do(
                    "delete from zmqdev.request where run = %(run)s and key = %(key)s",
                    run=run,
                    key=key,
                )

    # For `zmqdev store`

    def ask(self, statement: str, **values: Any) -> list[Row]:
        """Return the rows that a statement of `postgres_tables` finds."""
        with meaning(self.name):
            return self._all(statement, **values)

    def every(self, statement: str) -> Iterator[Row]:
        """Yield many rows, read in portions; otherwise like `ask`."""
        with meaning(self.name), self._open.transaction():
            cursor = self._open.cursor("every", binary=True)
            cursor.execute(statement.encode())
            yield from cursor

    def drop_dead(self, number: int) -> bool:
        """Delete a dead letter; return whether there was one."""
        with meaning(self.name):
            return self._do(tables.DROP_DEAD, number=number) > 0

    def requeue(self, letters: Sequence[tuple[int, Dead]]) -> None:
        """Make requests of dead letters again, in a run that the next queue takes over."""
        with meaning(self.name), self._open.transaction():
            run = int(self._one(tables.LEFT_RUN)[0])
            requests = [
                Kept(number, one.call, one.service, one.at, 0, one.body) for number, one in letters
            ]
            self._do(tables.REQUEUE, run=run, **request_columns(requests))
            for number, one in letters:
                self._do(tables.DROP_DEAD, number=number)
                if one.call is not None:  # it has not ended after all
                    self._do(tables.FORGET_REPLY, call=one.call)

    def purge(self, now: float) -> None:
        """Delete answers that were kept long enough."""
        with meaning(self.name):
            self._do(tables.PURGE, now=now)

    def size(self) -> int:
        """Return the bytes of the store."""
        with meaning(self.name):
            return int(self._one(tables.SIZE)[0])
