"""The things under test: a row each, and how it is started.

Ours is started as a person starts it, with the defaults of the command, its
statistics running and its control socket open.
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
# A device that a killed bench leaves behind ends by itself; nothing takes so long beside a run.
LONGEST = 300.0


@dataclass(frozen=True)
class RunningTarget:
    """Where senders and receivers connect; `pid` None when nobody knows.

    `senders_bind`: the device connects to its senders. `majordomo`: its clients and workers
    speak it. `control`: where it is asked for its status all the time; None: it is not.
    `others`: backends beside `backend` that receivers connect to.
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
        return (self.backend, *self.others)


@dataclass(frozen=True)
class Between:
    """A row. `relay` and `flags` are how ours is started; `pressed`: the publisher has no
    window; `majordomo`: clients and workers speak it; `asked`: somebody asks for its status
    all the time; `hwm`: zmq_proxy gets our high-water marks; `routed`: see routed.py."""

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
    """`zmqdev KIND ...` with files in `place`, an empty directory."""
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
    """Until a program has written its ready file. RunError when it ends, or takes too long."""
    until = time.monotonic() + PATIENCE
    while not path.exists():
        if process.poll() is not None:
            raise RunError(f"bench: {name} has ended: {last_line(err)}")
        if time.monotonic() > until:
            raise RunError(f"bench: {name} is not ready after {PATIENCE:.0f} s")
        time.sleep(0.005)


def last_line(path: Path) -> str:
    """What a program said last, on a stderr that went to a file."""
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("zmqdev: ") if lines else "it said nothing"


@contextmanager
def proxy(row: Between, case: Case) -> Iterator[RunningTarget]:
    """`zmq_proxy` in a process of its own, called through pyzmq."""
    hwm = KINDS[case.kind.kind].hwm if row.hwm else None
    with crew() as made:
        (member,), (opened,) = made.start([Order("proxy", case, "bind", hwm=hwm)])
        member.tell(GO)
        frontend, backend = opened.addresses
        yield RunningTarget(frontend, backend, member.process.pid)


def started(
    row: Between, case: Case, place: Path, target: RunningTarget | None
) -> AbstractContextManager[RunningTarget | None]:
    """What a row names, running while the context lasts; None when it is nothing."""
    if row.name == "direct":
        return nullcontext()
    if row.name == "device":
        return nullcontext(target)
    return ours(row, case, place) if row.relay is not None else proxy(row, case)
