"""The processes of parts, as `run` starts them and hears of their end: its side of the fork server.

When the server is killed its parts end too (SIGTERM), and the next start begins another server.
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
# How long a fork may take on any machine before the server counts as lost, in seconds.
PATIENCE = 30.0

Begin = Callable[[socket.socket], int]
"""Starts a process that serves at this socket; its process id."""


class Child:
    """One process. `status` is its exit status once its end was heard of."""

    def __init__(self, pid: int, among: Children, ended: Callable[[], None]) -> None:
        self.pid, self.ended = pid, ended
        self.status: int | None = None
        self._among = among

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        if self.status is None and not self._among.knows(self):
            self.status = _fate(self.pid)
        return self.status

    def signal(self, number: int, *, group: bool = False) -> None:
        """To it, or to it and all that it has started: it leads a session, so a group too."""
        with suppress(ProcessLookupError, PermissionError):
            (os.killpg if group else os.kill)(self.pid, number)

    def forget(self) -> None:
        """Its end was dealt with: from now on its process id may mean another process."""
        self._among.forget(self)


class Children:
    """`first` begins the fork server now, `again` one in the place of a server that has ended."""

    def __init__(self, loop: Loop, first: Begin, again: Begin) -> None:
        self._loop, self._again = loop, again
        self._known: dict[int, Child] = {}
        self._socket: socket.socket | None = None
        self._open(first)

    def start(self, task: object, out: int, err: int, ended: Callable[[], None]) -> Child:
        """One that does `task`, with these as stdout and stderr. `ended` is called in a turn of
        its own when it has. OSError when there can be none now."""
        with tempfile.TemporaryFile() as file:
            pickle.dump(task, file)
            file.seek(0)
            pid = self._ask([out, err, file.fileno()])
        child = self._known[pid] = Child(pid, self, ended)
        orphans.own(pid)  # it comes to this process when the server is killed
        return child

    def knows(self, child: Child) -> bool:
        """Whether its end will be heard of."""
        return self._known.get(child.pid) is child

    def forget(self, child: Child) -> None:
        orphans.disown(child.pid)
        if self.knows(child):
            del self._known[child.pid]
            with suppress(OSError):
                self._send(HEARD, child.pid)

    def close(self) -> None:
        """End the server, and with it all that it has started."""
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
        """The process id of a new one. A server that was lost is replaced, once."""
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
    """What became of a part whose server has ended; None while it still ends. Its exit status is
    known where orphans are ours, as in a container whose first process is `run`."""
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
