"""The directory of this user's control sockets, where `zmqdev ctl NAME` finds them.

- It is $XDG_RUNTIME_DIR/zmqdev, else zmqdev-UID below the temporary directory.
- It must have mode 0700 and belong to this user; otherwise it is not used, because below /tmp
  another user may have made it first.
- A socket is named after its device. A second device of the same name gets `-2`, `-3` and so on.
  Sockets left behind by a crash are removed.
- Finding a free name and binding it happen under a lock of the directory, because libzmq steals
  the address of a live socket.
- The directory of a login differs from that of a service. So both are searched for devices, and
  also that of services started by systemd.
- A service with the name of one of this user's devices is listed as `run/NAME`.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from zmqdev.errors import RunError
from zmqdev.options import runtime_place
from zmqdev.options.runtime_place import SUFFIX, candidates, room
from zmqdev.system import ipcfile
from zmqdev.system.runtime_place import check_ours, readable

# Seconds; the lock is held only for a bind, or while a socket lingers.
PATIENCE = 2.0
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Found:
    """A running device: its name in `ctl` and its control address."""

    name: str
    address: str


def file_name(name: str, most: int) -> str:
    """Return a name that is valid for a file; one that is too long ends in a hash of the whole."""
    safe = _UNSAFE.sub("_", name).lstrip(".") or "_"
    if len(safe) <= most:
        return safe
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{safe[: most - 9]}-{digest}"


@contextmanager
def locked(place: Path, patience: float = PATIENCE) -> Iterator[bool]:
    """Lock the directory; yields False when another process holds the lock for too long.

    A process that was stopped while it held the lock must not prevent others from
    starting.
    """
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield _lock(handle, time.monotonic() + patience)
    finally:
        os.close(handle)


def _lock(handle: int, end: float) -> bool:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.005)
        else:
            return True


@contextmanager
def claim(place: Path, name: str) -> Iterator[Found]:
    """Reserve a free name, which must be bound within the context.

    Raises RunError when another process holds the lock for too long.
    """
    with locked(place) as alone:
        if not alone:
            raise RunError(f"{place} is locked by a program that is stuck")
        _sweep(place)
        most = room(place)
        for number in itertools.count(1):
            end = f"-{number}" if number > 1 else ""
            stem = file_name(name, most - len(end)) + end
            path = place / f"{stem}{SUFFIX}"
            if not path.exists():
                yield Found(stem, f"ipc://{path}")
                return


def _sweep(place: Path) -> None:
    """Remove sockets at which nothing listens."""
    for path in place.glob(f"*{SUFFIX}"):
        if _is_socket(path) and not ipcfile.answers(path):
            path.unlink(missing_ok=True)


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def running(environ: Mapping[str, str] = os.environ) -> list[Found]:
    """Return this user's running devices by name; sockets left by a crash are removed."""
    found: dict[str, Found] = {}
    for place in candidates(environ):
        try:
            check_ours(place)
        except OSError:
            continue  # missing, or another user's
        with locked(place, 0.0) as alone:
            if alone:  # otherwise another process holds it and cleans up
                _sweep(place)
        for path in sorted(place.glob(f"*{SUFFIX}")):
            if _is_socket(path):
                found.setdefault(path.stem, Found(path.stem, f"ipc://{path}"))
    known = {one.address for one in found.values()}
    for one in _services():
        if one.address not in known:
            name = f"run/{one.name}" if one.name in found else one.name
            found[name] = Found(name, one.address)
    return list(found.values())


def _services() -> Iterator[Found]:
    """Yield the devices of services; systemd removes what a crash left there."""
    place = runtime_place.SERVICES
    if readable(place):
        for path in sorted(place.glob(f"*{SUFFIX}")):
            if _is_socket(path) and os.access(path, os.W_OK) and ipcfile.answers(path):
                yield Found(path.stem, f"ipc://{path}")
