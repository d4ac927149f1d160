"""A PostgreSQL of our own: Debian's programs, a temporary directory, a free port, no root.

with Postgres.started() as database:
    database.url
    with database.standby() as other:
        other.promote()
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from support.ports import Ports
from support.processes import until

PATIENCE = 30.0
USER = "zmq"
PASSWORD = "s3cret"


def programs() -> Path | None:
    """Where initdb and postgres are, the newest; None without them."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version)
    found = [place for place in places if (place / "initdb").exists()]
    if found:
        return found[-1]
    other = shutil.which("initdb")
    return Path(other).parent if other else None


def _version(place: Path) -> float:
    try:
        return float(place.parent.name)
    except ValueError:
        return 0.0


class Postgres:
    """One server; `start` and `stop` it as often as is wanted."""

    def __init__(
        self, place: Path, bin: Path, port: int, settings: Mapping[str, str] | None = None
    ) -> None:
        self.place, self.bin, self.port = place, bin, port
        self._settings = settings or {}
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    @property
    def server(self) -> subprocess.Popen[bytes]:
        assert self._server is not None, "it is not started"
        return self._server

    @classmethod
    @contextmanager
    def started(
        cls, disk: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> Iterator[Postgres]:
        """Its data are in a directory of `disk`."""
        with cls._placed(disk, settings or {}) as made:
            made._make()
            made.start()
            yield made

    @classmethod
    @contextmanager
    def _placed(cls, disk: Path | None, settings: Mapping[str, str]) -> Iterator[Postgres]:
        bin = programs()
        assert bin is not None, "install postgresql"
        # Where others may look in: the tests' own directory is for its owner alone.
        place = Path(tempfile.mkdtemp(prefix="zmqdev-pg-", dir=disk or "/tmp"))
        hand_over(place)
        ports = Ports()
        made = cls(place, bin, *ports.take(1), settings)
        try:
            yield made
        finally:
            made.stop()
            ports.close()
            shutil.rmtree(place, ignore_errors=True)

    @contextmanager
    def standby(self) -> Iterator[Postgres]:
        """A server that follows this one, which calls nothing committed from now on before the
        other has it."""
        with self._placed(None, self._settings) as made:
            words = ["-D", str(made.place / "data"), "-d", self.url, "-R", "-c", "fast"]
            made._run("pg_basebackup", *words, "--no-sync")
            made.start()
            self.say("alter system set synchronous_standby_names = '*'")
            self.say("select pg_reload_conf()")
            state = "select sync_state from pg_stat_replication"
            until(lambda: self.say(state) == [("sync",)], "the other one follows")
            yield made

    def promote(self) -> None:
        """A standby is the primary now."""
        assert self.say("select pg_promote()") == [(True,)]

    def _make(self) -> None:
        (self.place / "password").write_text(PASSWORD)
        words = ["-D", str(self.place / "data"), "-U", USER, "--no-sync", "-E", "UTF8"]
        words += ["--wal-segsize", "1"] if self._settings else []
        words += ["--auth", "scram-sha-256", "--pwfile", str(self.place / "password")]
        self._run("initdb", *words)

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self.bin / program, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **self._as_nobody(),
        )
        assert done.returncode == 0, done.stdout.decode()

    def _as_nobody(self) -> dict[str, object]:
        surroundings = {**os.environ, "LC_ALL": "C", "HOME": str(self.place)}
        who: dict[str, object] = {"env": surroundings, "cwd": self.place}
        if os.getuid() == 0:  # PostgreSQL refuses root
            user, group = _nobody()
            who |= {"user": user, "group": group, "extra_groups": []}
        return who

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.place),
            "shared_buffers": "32MB",
            "max_connections": "40",
            **self._settings,
        }
        words = [word for item in settings.items() for word in ("-c", "=".join(item))]
        with (self.place / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self.bin / "postgres", "-D", self.place / "data", *words],
                stdout=log,
                stderr=log,
                **self._as_nobody(),  # type: ignore[call-overload]
            )
        self._until_ready()

    def _until_ready(self) -> None:
        import psycopg

        end = time.monotonic() + PATIENCE
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                told = (self.place / "log").read_text()
                assert self.server.poll() is None, told
                assert time.monotonic() < end, told
                time.sleep(0.02)

    def stop(self, how: int = signal.SIGQUIT) -> None:
        """SIGQUIT is a crash, SIGINT a fast stop."""
        server, self._server = self._server, None
        if server is not None:
            server.send_signal(how)
            server.wait(PATIENCE)

    def have_started(self) -> None:
        if self._server is None:
            self.start()

    def empty(self) -> str:
        """The URL of a new database."""
        name = f"test{os.urandom(6).hex()}"
        self.say(f"create database {name}")
        return self.url_of(name)

    def say(self, statement: str, url: str | None = None) -> list[tuple[object, ...]]:
        import psycopg

        with psycopg.connect(url or self.url, autocommit=True) as connection:
            found = connection.execute(statement.encode())
            return found.fetchall() if found.description else []


def hand_over(place: Path) -> None:
    """The directory is that of the user whom PostgreSQL runs as."""
    if os.getuid() == 0:
        os.chown(place, *_nobody())


def _nobody() -> tuple[int, int]:
    found = pwd.getpwnam("nobody")
    return found.pw_uid, found.pw_gid
