"""The program that already uses an address, as text: a device of this user, or a process.

It works on Linux only, and for what this user may see: /proc/net lists listening
sockets with their inodes, /proc/PID/fd the inodes of a process. No connection is made.
"""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from zmqdev.options.runtime_place import SERVICES, SUFFIX, candidates

PROC = Path("/proc")
# Columns of /proc/net/tcp: address, state, user and inode; and the state of a listener.
_ADDRESS, _STATE, _USER, _INODE = 1, 3, 7, 9
_LISTENS = "0A"
# Columns of /proc/net/unix: flags, inode, path; and the flag of a listener.
_UNIX_FLAGS, _UNIX_INODE, _UNIX_PATH = 3, 6, 7
_ACCEPTS = 0x10000
# Most characters of a command that are shown.
LONGEST = 60


@dataclass(frozen=True)
class Listener:
    """A listening socket; `user` is None where the system does not report it."""

    inode: int
    user: int | None = None


def holder(address: str) -> str:
    """Return ` by device orders, process 123`, to follow "in use"; empty if it is unknown."""
    transport, _, rest = address.partition("://")
    try:
        found = list(_of_tcp(rest) if transport == "tcp" else _of_ipc(rest))
    except (OSError, ValueError, IndexError):
        return ""
    for process in _processes():
        inodes = _inodes(process)
        if any(one.inode in inodes for one in found):
            return f" by {_words(process, inodes)}"
    others = [one.user for one in found if one.user not in (None, os.getuid())]
    return f" by a program of user {_user(others[0])}" if others and others[0] is not None else ""


def _of_tcp(rest: str) -> Iterator[Listener]:
    host, _, port = rest.rpartition(":")
    number, wanted = int(port), _as_shown(host)
    for table in ("tcp", "tcp6"):
        for fields in _rows(f"net/{table}"):
            at, _, shown = fields[_ADDRESS].partition(":")
            if fields[_STATE] != _LISTENS or int(shown, 16) != number:
                continue
            if wanted is None or at == wanted or not int(at, 16):
                yield Listener(int(fields[_INODE]), int(fields[_USER]))


def _as_shown(host: str) -> str | None:
    """Return an IPv4 address as /proc/net/tcp shows it; None: any address."""
    try:
        number = int.from_bytes(socket.inet_aton(host), "little")
    except OSError:
        return None
    return f"{number:08X}" if number else None


def _of_ipc(path: str) -> Iterator[Listener]:
    for inode, at in _unix():
        if at == path:
            yield Listener(inode)


def _unix() -> Iterator[tuple[int, str]]:
    """Yield (inode, path) of each local socket that listens."""
    for fields in _rows("net/unix"):
        if len(fields) > _UNIX_PATH and int(fields[_UNIX_FLAGS], 16) & _ACCEPTS:
            yield int(fields[_UNIX_INODE]), fields[_UNIX_PATH]


def _rows(name: str) -> Iterator[list[str]]:
    try:
        lines = (PROC / name).read_text().splitlines()
    except OSError:
        return
    yield from (line.split() for line in lines[1:])


def _processes() -> Iterator[int]:
    with suppress(OSError):
        yield from (int(name) for name in os.listdir(PROC) if name.isdigit())


def _inodes(process: int) -> frozenset[int]:
    """Return the inodes of a process' sockets; empty if this user may not see them."""
    found = set()
    with suppress(OSError):
        place = f"{PROC}/{process}/fd"
        for name in os.listdir(place):
            with suppress(OSError):
                target = os.readlink(f"{place}/{name}")
                if target.startswith("socket:["):
                    found.add(int(target[8:-1]))
    return frozenset(found)


def _words(process: int, inodes: frozenset[int]) -> str:
    if process == os.getpid():
        return "this program itself"
    devices = sorted(_devices(inodes))
    if devices:
        noun = "device" if len(devices) == 1 else "devices"
        return f"{noun} {', '.join(devices)}, process {process}"
    command = _command(process)
    return f"process {process}{f' ({command})' if command else ''}"


def _devices(inodes: frozenset[int]) -> Iterator[str]:
    """Yield the names of devices whose control sockets are among the inodes."""
    places = {*candidates(), SERVICES}
    for inode, at in _unix():
        path = Path(at)
        if inode in inodes and path.suffix == SUFFIX and path.parent in places:
            yield path.stem


def _command(process: int) -> str:
    try:
        words = (PROC / str(process) / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return ""
    text = " ".join(word.decode(errors="replace") for word in words)
    shown = "".join(c if c.isprintable() else "?" for c in text).strip()
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 3]}..."


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
