"""Rules that look at this machine: files, directories, and with --live addresses in use."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from zmqdev.errors import RunError, ZmqdevError, in_words
from zmqdev.options.files import files_of
from zmqdev.options.option import options_of
from zmqdev.options.part import Part
from zmqdev.options.security import Security
from zmqdev.security import material
from zmqdev.system import ipcfile
from zmqdev.topology.finding import ERROR, Rule
from zmqdev.topology.links import Plan, Port

Found = Iterator[tuple[Part, str, str]]
# Options whose files the rule `key-files` checks.
_KEYS = (*options_of(Security),)


def _key_files(plan: Plan) -> Found:
    for part in plan.topology.parts:
        for name, side in part.addressed:
            head = part.path(name)
            try:
                material.read(side)
            except (ZmqdevError, OSError, ValueError) as error:
                where = f"{part.name} {name}".strip()
                yield part, part.at(*(f"{head}{key}" for key in _KEYS)), f"{where}: {error}"


def _ipc_directory(plan: Plan) -> Found:
    for port in plan.ports:
        path = ipcfile.path_of(port.address) if port.verb == "bind" else None
        if path is None:
            continue
        if not path.parent.is_dir():
            yield port.part, port.place, f"{port.label}: there is not a directory {path.parent}"
        elif _is_other_file(path):
            yield port.part, port.place, f"{port.label}: {path} is there and is no socket"


def _is_other_file(path: Path) -> bool:
    try:
        return not stat.S_ISSOCK(path.lstat().st_mode)
    except OSError:
        return False


def _other_files(plan: Plan) -> Found:
    for part in plan.topology.parts:
        for file in files_of(part.spec):
            key = file.option[-1]
            if key in _KEYS or file.path == "-" or os.access(file.path, os.R_OK):
                continue
            yield part, part.at(file.key), f"{part.name}: {file.key}: {file.path} cannot be read"


def _in_use(plan: Plan) -> Found:
    for port in plan.ports:
        why = refused(port) if port.verb == "bind" else None
        if why is not None:
            yield port.part, port.place, f"{port.label}: {port.address}: {why}"


def refused(port: Port) -> str | None:
    """Return why a port cannot be bound now, or None."""
    if port.parts.transport == "ipc":
        try:
            ipcfile.check_free(port.address)
        except RunError as error:
            return str(error).rpartition(f"{port.address}: ")[2]
    if port.parts.transport != "tcp" or port.chosen_later:
        return None
    host = "0.0.0.0" if port.parts.host == "*" else port.parts.host
    return _try(host, int(port.parts.port))


def _try(host: str, number: int) -> str | None:
    """Bind as libzmq does, with SO_REUSEADDR, so that an address in TIME_WAIT counts as free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, number))
            trial.listen(1)
        except OSError as error:
            return _words(error)
    return None


def _words(error: OSError) -> str | None:
    if error.errno == errno.ENODEV or isinstance(error, socket.gaierror):
        return None  # the name of an interface, which libzmq resolves
    return in_words(error)


RULES = (
    Rule(
        "key-files",
        ERROR,
        "A file of keys or passwords is missing or malformed, or others can read it.",
        "make it with `zmqdev keygen`, or give it mode 0600",
        _key_files,
    ),
    Rule(
        "ipc-directory",
        ERROR,
        "The directory of an ipc address is missing, or another file is at its path.",
        "make the directory, or use another path",
        _ipc_directory,
    ),
    Rule(
        "missing-file",
        ERROR,
        "A file that a part reads is missing.",
        "correct the path; it is relative to the directory where you start `run`",
        _other_files,
    ),
)
LIVE_RULES = (
    Rule(
        "port-in-use",
        ERROR,
        "With --live: another program has bound an address.",
        "stop the other program, or use another address",
        _in_use,
    ),
)
