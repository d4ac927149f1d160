"""A database that fails over, is cut off, or has a full disk: nothing that was kept is lost, and
nothing is called kept that is not."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.history import Poster
from support.line import Line
from support.postgres import PASSWORD, USER, Postgres, hand_over
from support.processes import until
from support.two_queues import TESTS, Site

pytestmark = pytest.mark.soak
POSTS = 300
# The database's machine is given up after five seconds without a sign; and a slow machine.
LONG = 60.0


def lost_nothing(here: Site, poster: Poster) -> None:
    found = here.account(poster)
    print(found, dict(poster.told))
    assert found.lost == set(), str(found)
    assert found.unexpected == set(), str(found)


def test_a_fail_over_to_a_standby_loses_nothing(
    own_postgres: Postgres, site: Callable[..., Site], context: zmq.Context[Any]
) -> None:
    """It has what was committed: `synchronous_standby_names`, and both hosts in the URL."""
    with Postgres.started() as primary, primary.standby() as standby:
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in (primary, standby))
        here = site(f"postgresql://{USER}:{PASSWORD}@{hosts}/postgres")
        here.work()
        poster = Poster(context, here.fronts)
        poster.run_until_kept(POSTS)
        primary.stop()
        poster.run(lambda: poster.told["store-away"] > 0, LONG)
        standby.promote()
        poster.run_until_kept(POSTS)
        told = "".join(queue.program.err for queue in here.queues)
        assert "reached again after" in told
        assert [queue.program.process.poll() for queue in here.queues] == [None, None], told
        lost_nothing(here, poster)


@pytest.mark.parametrize("in_time", [True, False], ids=["in time", "longer than a lease"])
def test_a_queue_that_is_cut_off_from_its_database(
    in_time: bool,
    own_postgres: Postgres,
    site: Callable[..., Site],
    context: zmq.Context[Any],
) -> None:
    url = own_postgres.empty()
    with closing(Line(own_postgres.port)) as line:
        here = site(url.replace(str(own_postgres.port), str(line.port)), url)
        poster = Poster(context, here.fronts)
        poster.run_until_kept(POSTS)
        line.pull()
        before = here.queues[1].count("adopted")
        if in_time:
            poster.run_until_kept(POSTS)  # the other one goes on
            assert here.queues[1].count("adopted") == before
            line.plug()
            poster.run_until_kept(POSTS)
        else:
            until(lambda: here.queues[1].count("adopted") > before, "the other one takes over")
            poster.run_until_kept(POSTS)
            line.plug()
            assert here.queues[0].program.wait(LONG) == 1
            assert "fenced: " in here.queues[0].program.err
        assert here.queues[1].program.process.poll() is None
        here.work()
        lost_nothing(here, poster)


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="zmqdev-disk-", dir="/tmp"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        place.rmdir()
        pytest.skip("may not mount")
    hand_over(place)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
        place.rmdir()


def fill(disk: Path, rest: int) -> Path:
    """A file that leaves so many bytes."""
    found = os.statvfs(disk)
    made = disk / "filler"
    made.write_bytes(bytes(max(0, found.f_bavail * found.f_bsize - rest)))
    return made


def test_a_full_disk_of_tables(
    own_postgres: Postgres, site: Callable[..., Site], context: zmq.Context[Any]
) -> None:
    """Posts are refused; what was kept goes on; posts are taken again when there is room."""
    with small_disk("24m") as disk:
        own_postgres.say(f"create tablespace small location '{disk}'")
        own_postgres.say("create database small tablespace small")
        here = site(own_postgres.url_of("small"))
        poster = Poster(context, here.fronts)
        poster.run_until_kept(POSTS)
        filler = fill(disk, 200_000)
        poster.run(lambda: poster.told["store-full"] > 0, LONG)
        here.work()
        until(lambda: not here.account(poster).lost, "what was kept is executed")
        filler.unlink()
        poster.run_until_kept(POSTS)
        lost_nothing(here, poster)
        for queue in here.queues:
            assert queue.program.interrupt() == 0
        own_postgres.say("drop database small with (force)")
        own_postgres.say("drop tablespace small")


def test_a_full_disk_of_the_log(
    own_postgres: Postgres, site: Callable[..., Site], context: zmq.Context[Any]
) -> None:
    """PostgreSQL ends then, and is started again when there is room."""
    small = {"min_wal_size": "2MB", "max_wal_size": "4MB"}
    with small_disk("100m") as disk, Postgres.started(disk, small) as server:
        here = site(server.url)
        poster = Poster(context, here.fronts)
        poster.run_until_kept(POSTS)
        filler = fill(disk, 1_000_000)
        poster.run(lambda: poster.told["store-away"] + poster.told["store-full"] > 0, LONG)
        filler.unlink()
        server.stop()
        server.start()
        here.work()
        poster.run_until_kept(POSTS)
        lost_nothing(here, poster)


def test_the_demonstration_of_a_fail_over(own_postgres: Postgres) -> None:
    """`make demo-failover`."""
    words = [sys.executable, "-m", "support.failover"]
    done = subprocess.run(words, cwd=TESTS, capture_output=True, text=True, timeout=10 * LONG)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 lost, 0 unexpected" in done.stdout.splitlines()[-1]
