"""A store in PostgreSQL: what cannot be had is one line, and what two of them do together."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import pytest
from support.ports import Ports
from support.postgres import Postgres
from support.processes import until

from zmqdev.broker.record import AWAY, Answer, Dead, Group, Kept, Settled
from zmqdev.broker.store import open_store
from zmqdev.broker.store_postgres import PostgresStore
from zmqdev.errors import RunError
from zmqdev.options.reliable import Reliable

# Longer than a thread stands on a machine that is very busy.
LEASE = 2.0
PATIENCE = 60.0
Open = Callable[..., PostgresStore]


@pytest.fixture
def opened(database: str) -> Iterator[Open]:
    made: list[PostgresStore] = []

    def make(queue: str = "q", url: str = database) -> PostgresStore:
        made.append(PostgresStore(url, LEASE, queue=queue))
        list(made[-1].recover())
        return made[-1]

    yield make
    for store in made:
        store.close()


def kept(key: int, call: bytes | None = None) -> Kept:
    return Kept(key, call, b"echo", 1000.5, 0, (b"%d" % key,))


def settle(store: PostgresStore, group: Group) -> Settled:
    store.write(group)
    return hear(store, lambda settled: settled.group is group)


def hear(store: PostgresStore, wanted: Callable[[Settled], bool]) -> Settled:
    found: list[Settled] = []

    def there() -> bool:
        while (settled := store.settled()) is not None:
            if wanted(settled):
                found.append(settled)
        return bool(found)

    until(there, "it is said")
    return found[0]


def dies(store: PostgresStore) -> None:
    """As a program that is killed: no more words, and no goodbye."""
    store._database.leave = lambda run: None  # type: ignore[method-assign]
    store.close()


def test_another_one_takes_over_when_the_lease_is_over(opened: Open) -> None:
    first, second = opened("first"), opened("second")
    key = first.first_key
    settle(first, Group((kept(key), kept(key + 1, b"an id of 12 b"))))
    dies(first)
    news = hear(second, lambda settled: bool(settled.adopted))
    assert [one.body for one in news.adopted] == [kept(key).body, kept(key + 1).body]
    assert any("took over 2 requests of first" in line for line in news.notices)
    settle(second, Group(ended=tuple(one.key for one in news.adopted)))
    assert list(opened("third").recover()) == []


def test_what_was_taken_over_is_taken_over_again_with_it(opened: Open) -> None:
    first, second = opened("first"), opened("second")
    settle(first, Group((kept(first.first_key),)))
    dies(first)
    hear(second, lambda settled: bool(settled.adopted))
    settle(second, Group((kept(second.first_key),)))
    third = opened("third")
    dies(second)
    assert len(hear(third, lambda settled: len(settled.adopted) > 0).adopted) == 2


def test_a_run_that_was_taken_over_writes_nothing_more(opened: Open, postgres: Postgres) -> None:
    first, second = opened("first"), opened("second")
    settle(first, Group((kept(first.first_key),)))
    postgres.say(
        "update zmqdev.run set adopted_by = (select max(run) from zmqdev.run)"
        " where queue = 'first'",
        second._database._url,
    )
    with pytest.raises(RunError, match="fenced: the queue of second has taken over"):
        settle(first, Group((kept(first.first_key + 1),)))
    [[count]] = postgres.say("select count(*) from zmqdev.request", second._database._url)
    assert count == 1


def test_an_id_that_another_one_has_is_elsewhere(opened: Open) -> None:
    first, second = opened("first"), opened("second")
    one, two = b"an id of 12 b", b"another id of"
    settle(first, Group((kept(first.first_key, one),)))
    asked = settle(second, Group(asked=(one, two)))
    assert asked.elsewhere == {one}
    key = second.first_key
    both = settle(second, Group((kept(key, one), kept(key + 1, two))))
    assert both.elsewhere == {one}
    answer = Answer(one, time.time() + 100, "", (b"done",))
    settle(first, Group(answers=(answer,), ended=(first.first_key,)))
    found = settle(second, Group(asked=(one,)))
    assert (found.elsewhere, found.answers) == (frozenset(), {one: answer})


def test_a_group_that_was_written_and_not_heard_of_is_written_once(opened: Open) -> None:
    store = opened()
    key = store.first_key
    dead = Dead(key + 9, None, b"echo", "attempts", 1000.0, (b"poison",))
    group = Group((kept(key), kept(key + 1, b"an id of 12 b")), dead=(dead,))
    settle(store, group)
    again = settle(store, group)
    assert (again.refused, again.elsewhere) == ("", frozenset())


def test_a_damaged_row_of_one_that_was_taken_over_is_a_dead_letter(
    opened: Open, postgres: Postgres, database: str
) -> None:
    first, second = opened("first"), opened("second")
    key = first.first_key
    settle(first, Group((kept(key), kept(key + 1))))
    postgres.say(f"update zmqdev.request set body = 'x' where key = {key}", database)
    dies(first)
    news = hear(second, lambda settled: bool(settled.adopted or settled.damaged))
    assert [one.body for one in news.adopted] == [kept(key + 1).body]
    assert [one.reason for one in news.damaged] == ["damaged"]
    [[left]] = postgres.say("select count(*) from zmqdev.dead", database)
    assert left == 1


def test_while_the_database_is_away_groups_are_refused_and_then_written(
    own_postgres: Postgres,
) -> None:
    url = own_postgres.empty()
    store = PostgresStore(url, LEASE)
    list(store.recover())
    key = store.first_key
    settle(store, Group((kept(key),)))
    own_postgres.stop()
    refused = settle(store, Group((kept(key + 1),), ended=(key,)))
    assert (refused.refused, refused.unwritten) == (AWAY, True)
    assert any("away" in line for line in refused.notices)
    own_postgres.start()
    hear(store, lambda settled: not settled.refused)
    settle(store, Group((kept(key + 2),), ended=(key,)))
    store.close()
    again = PostgresStore(url, LEASE)
    assert [one.body for one in again.recover()] == [kept(key + 2).body]
    again.close()


def test_after_the_database_was_away_all_have_a_lease_to_come_back(database: str) -> None:
    """Others may find it later than this one, and their leases are over by then."""
    store = PostgresStore(database, LEASE)
    store._reach()
    assert store._adopts_from <= time.monotonic(), "nothing was away"
    store._database.close()
    before = time.monotonic()
    store._reach()
    assert store._adopts_from >= before + LEASE
    store.close()


def wrong(url: str) -> str:
    with pytest.raises(RunError) as told:
        PostgresStore(url, LEASE)
    line = str(told.value)
    assert "\n" not in line
    assert line.startswith("store postgresql://")
    assert "s3cret" not in line
    return line


def test_what_cannot_be_had_is_one_line(postgres: Postgres, database: str) -> None:
    ports = Ports()
    [port] = ports.take(1)
    refused = wrong(f"postgresql://zmq:s3cret@127.0.0.1:{port}/x")
    assert "Connection refused" in refused
    assert "is PostgreSQL started there?" in refused
    ports.close()
    assert "not a URL of PostgreSQL" in wrong("postgresql://zmq:s3cret/x@h:y/db")
    assert "check the host in the URL" in wrong("postgresql://zmq:s3cret@no.such.invalid/db")
    missing = wrong(postgres.url_of("missing"))
    assert "does not exist; make it with createdb" in missing
    several = wrong(f"postgresql://zmq:s3cret@127.0.0.1:{port},127.0.0.1:{port}/x")
    assert "Connection refused" in several


def test_a_schema_of_another_program_is_not_touched(postgres: Postgres, database: str) -> None:
    postgres.say("create schema zmqdev create table meta (other text)", database)
    assert "was made by another program; name another database" in wrong(database)
    assert postgres.say("select * from zmqdev.meta", database) == []


def test_a_store_of_a_later_version_is_refused_with_its_number(
    opened: Open, postgres: Postgres, database: str
) -> None:
    opened().close()
    postgres.say("update zmqdev.meta set value = '7' where name = 'version'", database)
    assert "of version 7; this zmqdev reads up to 1" in wrong(database)


def test_two_that_start_at_once_make_the_tables_once(database: str) -> None:
    import threading

    made: list[PostgresStore] = []
    threads = [
        threading.Thread(target=lambda: made.append(PostgresStore(database, LEASE)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    for store in made:
        store.close()


def test_without_psycopg_the_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for name in ("store_postgres", "postgres_database", "postgres_arrays", "postgres_errors"):
        monkeypatch.delitem(sys.modules, f"zmqdev.broker.{name}", raising=False)
    settings = Reliable(store="postgresql://zmq:s3cret@db/zmqdev")
    with pytest.raises(RunError, match=r"^store postgresql://zmq@db/zmqdev: needs psycopg.*pip"):
        open_store(settings)
