"""The targets of a bench, declared as a table, and how each is started.

A zmqdev device is started as a user starts it: with the defaults of the command,
statistics on and its control socket open.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from zmqdev.errors import RunError
from zmqdev.options.kind import KINDS
from zmqdev.system.interpreter import program
from zmqdev.tools.bench import routed
from zmqdev.tools.bench.case import Case
from zmqdev.tools.bench.party.crew import PATIENCE, crew
from zmqdev.tools.bench.party.messages import Order
from zmqdev.tools.bench.party.party import GO

ANYWHERE = "tcp://127.0.0.1:*"
# A device left behind by a killed bench ends by itself; no run takes this long.
LONGEST = 300.0


@dataclass(frozen=True)
class RunningTarget:
    """A device under test and the addresses where senders and receivers connect.

    `pid` is None when it is unknown. With `senders_bind` the device connects to its
    senders; with `majordomo` clients and workers speak Majordomo. `control` is the
    address where the device is asked for its status all the time (None: it is not
    asked). `others` are further backends that receivers connect to.
    """

    frontend: str
    backend: str
    pid: int | None
    senders_bind: bool = False
    majordomo: bool = False
    control: str | None = None
    others: tuple[str, ...] = ()

    @property
    def backends(self) -> tuple[str, ...]:
        """Return all addresses that receivers connect to."""
        return (self.backend, *self.others)


@dataclass(frozen=True)
class Between:
    """A row of the table of targets.

    `relay` and `flags` start a zmqdev device. `pressed`: the publisher has no window.
    `majordomo`: clients and workers speak Majordomo. `asked`: the device is asked for
    its status all the time. `hwm`: zmq_proxy gets zmqdev's high-water marks. `routed`:
    the device has routes, see routed.py.
    """

    name: str
    help: str
    relay: str | None = None
    flags: tuple[str, ...] = ()
    pressed: bool = False
    majordomo: bool = False
    asked: bool = False
    hwm: bool = False
    routed: bool = False


LINES = ("--stats", "line")
BETWEEN = {
    row.name: row
    for row in (
        Between("direct", "nothing: senders connect to receivers"),
        Between("proxy", "zmq_proxy of the same libzmq, as it comes"),
        Between("tuned", "zmq_proxy with our high-water marks", hwm=True),
        Between("native", "zmqdev, relay in C, statistics on", "native", LINES),
        Between("silent", "zmqdev, relay in C, statistics off", "native", ("--stats", "off")),
        Between(
            "asked",
            "as native, and asked for its status 100 times a second",
            "native",
            LINES,
            asked=True,
        ),
        Between("python", "zmqdev, relay in Python, statistics on", "python", LINES),
        Between(
            "block",
            "zmqdev --on-full block, relay in C, publisher without a window",
            "native",
            (*LINES, "--on-full", "block"),
            pressed=True,
        ),
        Between(
            "reliable",
            "zmqdev queue --reliable, Majordomo 0.1 on both sides",
            "native",
            (*LINES, "--reliable"),
            majordomo=True,
        ),
        *(
            Between(name, f"zmqdev, {help}", "native", LINES, routed=True)
            for name, help in (
                ("ten", "ten routes by topic to two backends"),
                ("thousand", "a thousand routes by prefix to two backends"),
                ("field", "a route by a field of JSON"),
                ("four-fields", "four routes by the same field"),
                ("function", "a Python function that splits by prefix"),
                ("stalled-drop", "a copy of all to a backend without a peer, on-full: drop"),
                ("stalled-next", "all to a backend without a peer first, on-full: next"),
                ("blocked", "all to a backend without a peer, on-full: block"),
            )
        ),
        Between("device", "the running device"),
    )
}


@contextmanager
def ours(row: Between, case: Case, place: Path) -> Iterator[RunningTarget]:
    """Run `zmqdev KIND ...` with its files in `place`, an empty directory."""
    ready = place / "ready"
    arguments = ["--frontend-bind", ANYWHERE, "--backend-bind", ANYWHERE]
    arguments += ["--ready-file", str(ready), "--drain", "0"]
    arguments += ["--duration", str(LONGEST + case.time)]
    arguments += ["--config", str(routed.write(row.name, place))] if row.routed else []
    control = f"ipc://{place}/control" if row.asked else None
    arguments += ["--control", control] if control else []
    surroundings = {**os.environ, "ZMQDEV_RELAY": row.relay or "", "XDG_RUNTIME_DIR": str(place)}
    with open(place / "stdout", "wb") as out, open(place / "stderr", "wb") as err:
        process = subprocess.Popen(
            program(case.kind.kind, *arguments, *row.flags),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=surroundings,
        )
    try:
        await_file(ready, process, row.name, place / "stderr")
        found = dict(line.split()[1::2] for line in ready.read_text().splitlines())
        yield RunningTarget(
            found["frontend"],
            found["backend"],
            process.pid,
            majordomo=row.majordomo,
            control=control,
            others=tuple(found[name] for name in routed.READ if name in found),
        )
    finally:
        process.terminate()
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_file(path: Path, process: subprocess.Popen[bytes], name: str, err: Path) -> None:
    """Wait until a program has written its ready file.

    Raises RunError when it ends or takes too long.
    """
    until = time.monotonic() + PATIENCE
    while not path.exists():
        if process.poll() is not None:
            raise RunError(f"bench: {name} has ended: {last_line(err)}")
        if time.monotonic() > until:
            raise RunError(f"bench: {name} is not ready after {PATIENCE:.0f} s")
        time.sleep(0.005)


def last_line(path: Path) -> str:
    """Return the last line of a program's stderr file."""
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("zmqdev: ") if lines else "it said nothing"


@contextmanager
def proxy(row: Between, case: Case) -> Iterator[RunningTarget]:
    """Run `zmq_proxy`, called through pyzmq, in another process."""
    hwm = KINDS[case.kind.kind].hwm if row.hwm else None
    with crew() as made:
        (member,), (opened,) = made.start([Order("proxy", case, "bind", hwm=hwm)])
        member.tell(GO)
        frontend, backend = opened.addresses
        yield RunningTarget(frontend, backend, member.process.pid)


def started(
    row: Between, case: Case, place: Path, target: RunningTarget | None
) -> AbstractContextManager[RunningTarget | None]:
    """Return a context in which the target runs; it yields None for `direct`."""
    if row.name == "direct":
        return nullcontext()
    if row.name == "device":
        return nullcontext(target)
    return ours(row, case, place) if row.relay is not None else proxy(row, case)
