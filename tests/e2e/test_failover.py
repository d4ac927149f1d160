"""Several reliable queues over one database: what one has called kept outlives it."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
import zmq
from support.history import Poster
from support.postgres import Postgres
from support.processes import PATIENCE, Start, until
from support.reliable import Queue, own_worker
from support.two_queues import LEASE, Site

from zmqdev.cli.passwords import WARNING

SOAK = int(os.environ.get("ZMQDEV_SOAK", "1"))
KILLS = 2 * SOAK


def test_what_is_kept_outlives_the_kills_of_queues(
    site: Callable[..., Site], database: str, context: zmq.Context[Any]
) -> None:
    here = site(database)
    here.work()
    poster, chance = Poster(context, here.fronts), random.Random(3)
    for _ in range(KILLS):
        poster.run_until_kept(chance.randrange(200, 800) * (1 if SOAK == 1 else 5))
        at = chance.randrange(2)
        here.kill(at)
        poster.run_until_kept(100)  # the other one goes on
        here.queues[at] = here.queue(at)
    found = here.account(poster)
    print(found)
    assert found.lost == set(), str(found)
    assert found.unexpected == set()
    assert found.twice <= max(20, 0.05 * found.executed), str(found)


def test_another_queue_takes_over_within_a_lease_and_a_second(
    site: Callable[..., Site], database: str, context: zmq.Context[Any]
) -> None:
    here = site(database)
    poster = Poster(context, here.fronts[:1])
    poster.run_until_kept(500)
    here.kill(0)
    killed = time.monotonic()
    until(lambda: here.queues[1].count("adopted") >= 500, "the other one has them")
    took = time.monotonic() - killed
    print(f"taken over {took:.2f} s after the kill, with a lease of {LEASE:g} s")
    assert took < LEASE + 1 + PATIENCE / 4
    assert "took over" in here.queues[1].program.err
    assert here.queues[1].state()["lease"] > 0
    here.work(1)
    assert here.account(poster).lost == set()


def test_a_queue_that_stood_too_long_is_fenced(
    site: Callable[..., Site], database: str, context: zmq.Context[Any]
) -> None:
    here = site(database)
    poster = Poster(context, here.fronts[:1])
    poster.run_until_kept(200)
    here.queues[0].program.signal(signal.SIGSTOP)
    until(lambda: here.queues[1].count("adopted") >= 200, "the other one has them")
    here.queues[0].program.signal(signal.SIGCONT)
    assert here.queues[0].program.wait() == 1
    [line] = [one for one in here.queues[0].program.err.splitlines() if "fenced" in one]
    assert "has taken over" in line
    here.work(1)
    assert here.account(poster).lost == set()


def test_a_stopped_queue_leaves_what_it_kept_at_once(
    site: Callable[..., Site], database: str, context: zmq.Context[Any]
) -> None:
    here = site(database)
    poster = Poster(context, here.fronts[:1])
    poster.run_until_kept(200)
    poster.socket.close()  # or the queue waits for it to read
    assert here.queues[0].program.interrupt() == 0
    until(lambda: here.queues[1].count("adopted") >= 200, "the other one has them")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_a_database_that_is_restarted_under_load_loses_nothing(
    how: int, site: Callable[..., Site], own_postgres: Postgres, context: zmq.Context[Any]
) -> None:
    here = site(own_postgres.empty())
    here.work()
    poster = Poster(context, here.fronts)
    poster.run_until_kept(300)
    own_postgres.stop(how)
    poster.run(lambda: poster.told["store-away"] > 0)
    own_postgres.start()
    back = time.monotonic()
    poster.run_until_kept(300)
    print(f"the first KEPT {min(at for at in poster.kept_at if at > back) - back:.2f} s after it")
    told = here.queues[0].program.err + here.queues[1].program.err
    assert "away: " in told  # by one of them at least: the other may have had nothing to write
    assert [queue.program.process.poll() for queue in here.queues] == [None, None], told
    found = here.account(poster)
    print(found)
    assert found.lost == set()
    assert found.unexpected == set()


def test_a_queue_without_its_database_ends_with_a_line(start: Start, database: str) -> None:
    url = database.replace("s3cret", "wr0ng")
    refused = start("queue", "--reliable", "--store", url, "--stats", "off")
    assert refused.wait() == 1
    [warned, line] = refused.err.splitlines()
    assert WARNING in warned
    assert "password authentication failed" in line
    assert "PGPASSFILE" in line
    assert "wr0ng" not in line


def test_no_password_is_shown(start: Start, database: str) -> None:
    queue = Queue(start, "--store", database)
    told = start("queue", "--reliable", "--store", database, "--print-config")
    assert told.wait() == 0
    status = start("ctl", "queue", "status", "--json")
    status.wait()
    for text in (told.out, status.out, queue.program.err.encode(), queue.program.out):
        assert b"s3cret" not in text
    assert b"postgresql://zmq@127.0.0.1" in told.out


def test_the_verbs_of_a_store_in_a_database(start: Start, database: str) -> None:
    """Dead letters are queued again while a queue has it."""
    queue = Queue(start, "--store", database, "--max-attempts", "1")
    crew = [own_worker(start, queue, "--crash-after", "0") for _ in range(2)]
    posted = start("client", "--reliable", "--post", "-c", queue.frontend, "-D", "one", "-D", "two")
    posted.wait()
    until(lambda: queue.count("dead_letters") == 2, "two dead letters")
    assert [worker.wait() != 0 for worker in crew] == [True, True]

    def said(*words: str, status: int = 0) -> list[str]:
        told = start("store", database, *words)
        assert told.wait() == status, told.err
        return [" ".join(line.split()) for line in (told.lines() or told.err.splitlines())]

    def listed() -> list[str]:
        return [line.split()[0] for line in said("dead")[1:]]

    until(lambda: len(listed()) == 2, "they are written")
    first, second = listed()
    assert said("drop", second) == ["1 dead letter dropped"]
    assert "every attempt failed" in said("show", first)[0]
    own_worker(start, queue)
    assert said("requeue", first) == ["1 request queued again"]
    until(lambda: queue.count("replies") == 1, "the poison was not that bad")
    table = said()
    assert table[0] == "service requests oldest bytes dead"
    here = f"process {queue.program.process.pid} "
    assert any(f" {here}" in line and "taken over" not in line for line in table)
    until(lambda: said("check") == ["ok: no requests"], "its end is written")
    assert "no dead letter 99" in said("show", "99", status=1)[-1]
