"""The checks of `zmqdev doctor`: what each finds out about this installation."""

from __future__ import annotations

import os
import platform
import resource
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import zmq

import zmqdev
from zmqdev.control import runtimedir
from zmqdev.device.device import Device
from zmqdev.device.relay_engine import RelayEngine
from zmqdev.errors import RunError
from zmqdev.options.device import DeviceSpec
from zmqdev.options.device_check import resolve
from zmqdev.options.kind import KINDS
from zmqdev.options.layer import Written
from zmqdev.options.runtime_place import room
from zmqdev.options.side import Backend, Frontend
from zmqdev.relay import NATIVE, last_value, recv_burst, send_burst, why_not_native
from zmqdev.system import libzmq, runtime_place
from zmqdev.tools.doctor.defects import DEFECTS

# Features that libzmq may be built with, zmq_has(3).
FEATURES = ("ipc", "curve", "tipc", "ws", "wss", "pgm", "norm", "gssapi", "draft")
# Without these a documented feature does not work.
EXPECTED = ("ipc", "curve")
# Each connection needs a descriptor; with fewer than this a device soon refuses peers.
FEW_DESCRIPTORS = 4096
TEST_MESSAGES = 20_000
TEST_PATIENCE = 10.0


@dataclass(frozen=True)
class Diagnosis:
    """The result of a check. `level` is ok, note (worth knowing) or problem (something fails)."""

    topic: str
    level: str
    text: str


def findings() -> Iterator[Diagnosis]:
    """Yield the findings one by one; the self-test, which takes a moment, comes last."""
    for look in LOOKS:
        yield from look()


def _versions() -> Iterator[Diagnosis]:
    yield Diagnosis("zmqdev", "ok", zmqdev.__version__)
    python = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    yield Diagnosis("Python", "ok", f"{python}, {platform.system()} {platform.machine()}")
    yield Diagnosis("pyzmq", "ok", zmq.pyzmq_version())
    yield Diagnosis("libzmq", "ok", zmq.zmq_version())


def _features() -> Iterator[Diagnosis]:
    has = [name for name in FEATURES if zmq.has(name)]
    yield Diagnosis("built with", "ok", ", ".join(has) or "nothing")
    lacks = [name for name in FEATURES if name not in has]
    yield Diagnosis("built without", "ok", ", ".join(lacks) or "nothing")
    for name in EXPECTED:
        if name not in has:
            yield Diagnosis("libzmq", "problem", f"this libzmq lacks {name}; use pyzmq's wheel")


def _relay() -> Iterator[Diagnosis]:
    if NATIVE:
        yield Diagnosis("relay", "ok", "native")
    else:
        yield Diagnosis("relay", "note", f"Python, which is slower: {why_not_native()}")


def _last_value() -> Iterator[Diagnosis]:
    if last_value.supported():
        yield Diagnosis("last values", "ok", "forwarder --last-value can be used")
    else:
        text = f"this libzmq takes no option {last_value.OPTION}; --last-value is refused"
        yield Diagnosis("last values", "note", text)


def _stores() -> Iterator[Diagnosis]:
    """Report the kinds of store that `queue --store` can use."""
    text = f"a file with SQLite {sqlite3.sqlite_version}; "
    try:
        yield Diagnosis("stores", "ok", f"{text}PostgreSQL with psycopg {version('psycopg')}")
    except PackageNotFoundError:
        missing = "PostgreSQL needs psycopg: pip install 'zmqdev[postgres]'"
        yield Diagnosis("stores", "ok", f"{text}{missing}")


def _survival() -> Iterator[Diagnosis]:
    why = libzmq.why_unguarded()
    if why is None:
        yield Diagnosis("PING", "ok", "a peer cannot abort the program with one")
    else:
        fix = (
            "any peer can abort the program with a PING (libzmq 3937); let only good peers reach it"
        )
        yield Diagnosis("PING", "problem", f"not guarded: {why}; {fix}")


def _descriptors() -> Iterator[Diagnosis]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    raised = f", which a device raises to {_limit(hard)}" if soft != hard else ""
    text = f"{_limit(soft)} open files{raised}"
    few = hard != resource.RLIM_INFINITY and hard < FEW_DESCRIPTORS
    fix = (
        f"; a device serves fewer peers than that, `ulimit -n {FEW_DESCRIPTORS}` or more is better"
    )
    yield Diagnosis("limit", "note" if few else "ok", text + (fix if few else ""))


def _limit(value: int) -> str:
    return "unlimited" if value == resource.RLIM_INFINITY else str(value)


def _directory() -> Iterator[Diagnosis]:
    try:
        place = runtime_place.prepare()
    except RunError as error:
        fix = "devices run without control; --control ADDRESS names another place"
        yield Diagnosis("control", "problem", f"{error}; {fix}")
        return
    longest = room(place)
    running = runtimedir.running()
    yield Diagnosis("control", "ok", f"{place}, names of up to {longest} characters")
    yield Diagnosis("running", "ok", ", ".join(found.name for found in running) or "no device")


def _defects() -> Iterator[Diagnosis]:
    major, minor, patch = zmq.zmq_version_info()[:3]
    for row in DEFECTS:
        if row.concerns((int(major), int(minor), int(patch))):
            where = f" (libzmq {row.reference})" if row.reference else ""
            yield Diagnosis("known defect", "ok", f"{row.what}{where}. Guarded: {row.guard}")


def _self_test() -> Iterator[Diagnosis]:
    try:
        rate = relay_rate()
    except (RunError, zmq.ZMQError, TimeoutError) as error:
        yield Diagnosis("self-test", "problem", f"a streamer over loopback failed: {error}")
    else:
        text = f"{TEST_MESSAGES} messages passed a streamer over loopback, {rate:,.0f} a second"
        yield Diagnosis("self-test", "ok", text)


def _store() -> Iterator[Diagnosis]:
    """Report whether SQLite is there, which --store FILE and --spool need."""
    try:
        import sqlite3
    except ImportError:
        fix = "--store FILE and --spool do not work; install a Python with it"
        yield Diagnosis("SQLite", "note", f"this Python was built without it: {fix}")
        return
    yield Diagnosis("SQLite", "ok", f"{sqlite3.sqlite_version}, for --store FILE and --spool")


LOOKS: tuple[Callable[[], Iterator[Diagnosis]], ...] = (
    _versions,
    _features,
    _relay,
    _last_value,
    _stores,
    _survival,
    _store,
    _descriptors,
    _directory,
    _defects,
    _self_test,
)


def relay_rate(count: int = TEST_MESSAGES) -> float:
    """Send messages through a device in this process and return the messages a second.

    Raises TimeoutError when they do not arrive in time, and RunError when they differ
    or are out of order.
    """
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    device = _streamer()
    device.start()
    try:
        front, back = (side.addresses[0].actual for side in device.engine.sockets())
        push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
        push.connect(front)
        pull.connect(back)
        return _passed(push, pull, count)
    finally:
        context.destroy(linger=0)
        device.stop(at_once=True)
        device.join()


def _streamer() -> Device:
    kind = KINDS["streamer"]
    wildcard = ("tcp://127.0.0.1:*",)
    asked = DeviceSpec(
        name=f"doctor-{os.getpid()}",
        frontend=Frontend(bind=wildcard),
        backend=Backend(bind=wildcard),
    )
    spec = resolve(kind, asked, Written())
    return Device("doctor", kind.name, RelayEngine(kind, spec), drain=0.0)


def _passed(push: zmq.Socket[bytes], pull: zmq.Socket[bytes], count: int) -> float:
    poller = zmq.Poller()
    poller.register(pull, zmq.POLLIN)
    poller.register(push, zmq.POLLOUT)
    start = time.monotonic()
    first = 0.0  # when the first message came: making the connections is not measured
    sent = came = 0
    while came < count:
        if time.monotonic() - start > TEST_PATIENCE:
            raise TimeoutError(f"{came} of {count} messages came in {TEST_PATIENCE:.0f} s")
        poller.poll(100)
        if sent < count:
            rest = range(sent, min(count, sent + 1000))
            sent += send_burst(push, [[b"%d" % number] for number in rest])[0]
        else:
            poller.modify(push, 0)
        for message in recv_burst(pull, 1000):
            if message != [b"%d" % came]:
                raise RunError(f"message {came} came as {message[0][:40]!r}")
            first = first or time.monotonic()
            came += 1
    return count / (time.monotonic() - first)
