"""What holds for every test."""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support.examples import examples
from support.postgres import Postgres, programs

# No test depends on the speed of the machine. What CI tries is the same in every run; new cases
# are found where somebody looks at them, in `make test` and `make fuzz`.
settings.register_profile(
    "zmqdev",
    deadline=None,
    max_examples=examples(100),
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("zmqdev")

# Where the environment says that Python keeps no compiled files, each of some hundred programs
# that the tests start would compile all that it loads.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

TEMPORARY = tempfile.gettempdir()

# A background job of a script ignores SIGINT, and what `nohup` starts ignores SIGHUP; so would
# every program of a test. A signal that has a handler is ignored here as well, and means to a
# program that is started what it means to most.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda number, frame: None)


# What is loaded stays: nobody need look through it for garbage, now or in a test that measures
# processor time.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is marked `alone` comes last, so nobody waits for it but at the end."""
    items.sort(key=is_alone)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """One lock for all processes of a run: shared, and exclusive for a test that is alone."""
    with open(__file__) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if is_alone(item) else fcntl.LOCK_SH)
        try:
            return (yield)
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)  # a process forked meanwhile has the file open too


def is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


@pytest.fixture(autouse=True, scope="session")
def own_temporary_directory() -> Iterator[None]:
    """Devices are looked for in the temporary directory too: nobody else's are to be there."""
    with tempfile.TemporaryDirectory(prefix="zmqdev-", ignore_cleanup_errors=True) as name:
        os.environ["TMPDIR"] = tempfile.tempdir = name
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for the tests of this process."""
    with postgres_or_skip() as server:
        yield server


@pytest.fixture(scope="session")
def another_postgres() -> Iterator[Postgres]:
    with postgres_or_skip() as server:
        yield server


@pytest.fixture
def own_postgres(another_postgres: Postgres) -> Postgres:
    """One that a test stops and starts."""
    another_postgres.have_started()
    return another_postgres


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The URL of a database that is empty."""
    return postgres.empty()


@contextmanager
def postgres_or_skip() -> Iterator[Postgres]:
    if programs() is None:
        pytest.skip("no PostgreSQL: apt-get install postgresql")
    pytest.importorskip("psycopg", reason="no psycopg: pip install 'zmqdev[postgres]'")
    with Postgres.started() as server:
        yield server


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder whose name is short, whatever the test is called: an ipc path has 107 bytes."""
    with tempfile.TemporaryDirectory(
        prefix="zmqdev-", dir=TEMPORARY, ignore_cleanup_errors=True
    ) as name:
        yield Path(name)
