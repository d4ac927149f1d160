"""The processes of parts as `run` sees them: its side of the fork server.

When the server is killed its parts end too (SIGTERM); the next start begins another
server.
"""

from __future__ import annotations

import array
import errno
import logging
import os
import pickle
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress

from zmqdev.supervisor.fork_server import ENDED, FAILED, HEARD, REPORT, REQUEST, START
from zmqdev.system import orphans
from zmqdev.system.loop import Loop

log = logging.getLogger("zmqdev")
# Seconds after which a server that has not forked counts as lost, on any machine.
PATIENCE = 30.0

Begin = Callable[[socket.socket], int]
"""Starts a process that serves at a socket, and returns its process id."""


class Child:
    """One process. `status` is its exit status once its end was reported."""

    def __init__(self, pid: int, among: Children, ended: Callable[[], None]) -> None:
        self.pid, self.ended = pid, ended
        self.status: int | None = None
        self._among = among

    def poll(self) -> int | None:
        """Return the exit status; None while it runs."""
        if self.status is None and not self._among.knows(self):
            self.status = _fate(self.pid)
        return self.status

    def signal(self, number: int, *, group: bool = False) -> None:
        """Signal the process, or with `group` also all that it has started: it leads a session."""
        with suppress(ProcessLookupError, PermissionError):
            (os.killpg if group else os.kill)(self.pid, number)

    def forget(self) -> None:
        """Release the process id, which may then be given to another process."""
        self._among.forget(self)


class Children:
    """Starts processes. `first` begins the fork server now, `again` replaces one that has ended."""

    def __init__(self, loop: Loop, first: Begin, again: Begin) -> None:
        self._loop, self._again = loop, again
        self._known: dict[int, Child] = {}
        self._socket: socket.socket | None = None
        self._open(first)

    def start(self, task: object, out: int, err: int, ended: Callable[[], None]) -> Child:
        """Start a process that does `task`, with these descriptors as stdout and stderr.

        `ended` is called in a later turn of the loop when the process has ended. Raises
        OSError when no process can be started now.
        """
        with tempfile.TemporaryFile() as file:
            pickle.dump(task, file)
            file.seek(0)
            pid = self._ask([out, err, file.fileno()])
        child = self._known[pid] = Child(pid, self, ended)
        orphans.own(pid)  # this process inherits it when the server is killed
        return child

    def knows(self, child: Child) -> bool:
        """Whether the server will report the end of a child."""
        return self._known.get(child.pid) is child

    def forget(self, child: Child) -> None:
        """Release a process id at the server."""
        orphans.disown(child.pid)
        if self.knows(child):
            del self._known[child.pid]
            with suppress(OSError):
                self._send(HEARD, child.pid)

    def close(self) -> None:
        """End the server, and with it every process that it has started."""
        if self._socket is None:
            return
        self._loop.unwatch(self._socket)
        self._socket.close()
        self._socket = None
        self._known.clear()
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        orphans.disown(self.pid)

    def _open(self, begin: Begin) -> None:
        here, there = socket.socketpair()
        with there:
            self.pid = begin(there)
        orphans.own(self.pid)
        here.settimeout(PATIENCE)
        self._socket = here
        self._loop.watch(here, self._hear)

    def _ask(self, descriptors: list[int]) -> int:
        """Start a process and return its id; a lost server is replaced once."""
        if self._socket is not None:
            with suppress(ConnectionError, TimeoutError):
                return self._started(descriptors)
            self._lose()
        self._open(self._again)
        try:
            return self._started(descriptors)
        except (ConnectionError, TimeoutError):
            self._lose()
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None

    def _started(self, descriptors: list[int]) -> int:
        self._send(START, 0, descriptors)
        while True:
            kind, pid, status = self._report()
            if kind == FAILED:
                raise OSError(status, os.strerror(status))
            if kind != ENDED:
                return pid
            self._note(pid, status)

    def _send(self, what: bytes, pid: int, descriptors: list[int] | None = None) -> None:
        if self._socket is None:
            raise BrokenPipeError
        beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors or ()))]
        self._socket.sendmsg([REQUEST.pack(what, pid)], beside if descriptors else [])

    def _report(self) -> tuple[bytes, int, int]:
        assert self._socket is not None
        data = self._socket.recv(REPORT.size, socket.MSG_WAITALL)
        if len(data) < REPORT.size:
            raise ConnectionResetError
        kind, pid, status = REPORT.unpack(data)
        return kind, pid, status

    def _hear(self) -> None:
        try:
            _, pid, status = self._report()
        except (ConnectionError, TimeoutError):
            self._lose()
        else:
            self._note(pid, status)

    def _note(self, pid: int, status: int) -> None:
        child = self._known.get(pid)
        if child is not None:
            child.status = status
            self._loop.at(time.monotonic(), child.ended)

    def _lose(self) -> None:
        log.warning("the process that starts parts has ended, and its parts with it")
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.close()


def _fate(pid: int) -> int | None:
    """Return the exit status of a part whose server has ended; None while it is ending.

    The real status is known when this process inherits orphans, as the first process of
    a container does. Otherwise it is taken for SIGTERM, which the server's end sends.
    """
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if ended else None
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return -signal.SIGTERM
    except PermissionError:
        pass
    return None
