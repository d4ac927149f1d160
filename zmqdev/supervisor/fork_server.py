"""A process that has loaded what parts need, and becomes each of them by a fork. Rules:

- It has one thread and never a ZeroMQ context: a copy of a process with one would hang.
- It opens nothing. The signals that it blocks are for its copies, which let them in once they
  have their own handlers. The end of its socket, so of `run`, is its end.
- A request comes with three descriptors: stdout, stderr, and a file with what the copy is to be.
- A part that has ended stays in the process table until `run` has heard of it: until then its
  process id means no other process.
"""

from __future__ import annotations

import gc
import os
import pickle
import resource
import select
import signal
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from zmqdev.errors import EXIT_FAILED
from zmqdev.supervisor.parent import end_with

REQUEST = struct.Struct("=cq")
"""START and 0, or HEARD and the process id of a part whose end was heard of."""
START, HEARD = b"s", b"h"
REPORT = struct.Struct("=cqi")
"""STARTED, ENDED or FAILED; process id; exit status, -N for signal N, or the error's number."""
STARTED, ENDED, FAILED = b"s", b"e", b"f"
DESCRIPTORS = 3

Become = Callable[[Any], int]
"""Does what a request asks for in the copy; its exit status."""

_BLOCKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_DEFAULTS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD)
_STANDARD = 3


def serve(requests: socket.socket, become: Become) -> NoReturn:
    """Fork whenever it is asked for. In a process of its own, with nothing open that it needs."""
    os.setsid()
    signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
    _close_others(requests.fileno())
    gc.collect()
    gc.freeze()
    with suppress(BrokenPipeError, ConnectionResetError):
        _Server(requests, become).run()
    os._exit(EXIT_FAILED)


class _Server:
    def __init__(self, requests: socket.socket, become: Become) -> None:
        self._requests, self._become = requests, become
        self._running: dict[int, bool] = {}  # process id, and whether its end was told

    def run(self) -> None:
        woken, waking = os.pipe()
        os.set_blocking(waking, False)
        signal.set_wakeup_fd(waking)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        try:
            while True:
                ready, _, _ = select.select([self._requests.fileno(), woken], [], [])
                if woken in ready:
                    os.read(woken, 4096)
                    self._report()
                if self._requests.fileno() in ready and not self._obey():
                    return
        finally:
            for pid in self._running:
                os.kill(pid, signal.SIGTERM)

    def _obey(self) -> bool:
        """Do what is asked; False when nothing will be asked any more."""
        text, descriptors, _, _ = socket.recv_fds(self._requests, REQUEST.size, DESCRIPTORS)
        if len(text) < REQUEST.size:
            return False
        what, pid = REQUEST.unpack(text)
        if what == START:
            self._start(descriptors)
        elif self._running.pop(pid, None) is not None:
            os.waitpid(pid, 0)
        return True

    def _start(self, descriptors: list[int]) -> None:
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            self._tell(FAILED, 0, error.errno or 0)
        else:
            if pid == 0:
                _be(server, descriptors, self._become)
            self._running[pid] = False
            self._tell(STARTED, pid, 0)
        for descriptor in descriptors:
            os.close(descriptor)

    def _report(self) -> None:
        """Tell of each part that has ended, and leave it in the process table."""
        for pid in [pid for pid, told in self._running.items() if not told]:
            found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is not None:
                self._running[pid] = True
                left = found.si_code == os.CLD_EXITED
                self._tell(ENDED, pid, found.si_status if left else -found.si_status)

    def _tell(self, kind: bytes, pid: int, status: int) -> None:
        self._requests.sendall(REPORT.pack(kind, pid, status))


def _be(server: int, descriptors: list[int], become: Become) -> NoReturn:
    """Be a process such as a newly started interpreter, do what was asked for, and end."""
    status = EXIT_FAILED
    try:
        os.setsid()
        out, err, task = descriptors
        with open(task, "rb") as file:
            asked = pickle.load(file)
        _connect(out, err)
        _default_signals()
        end_with(server)
        status = become(asked)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else EXIT_FAILED
    except BaseException:
        traceback.print_exc()
    finally:
        _leave(status)


def _connect(out: int, err: int) -> None:
    """The standard descriptors are those of the request, stdin is empty, and no other is open."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, descriptor in enumerate((nothing, out, err)):
        os.dup2(descriptor, number)
    os.closerange(_STANDARD, _most_descriptors())


def _default_signals() -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in _DEFAULTS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _BLOCKED)


def _leave(status: int) -> NoReturn:
    """As the interpreter does at its end; the callers of `serve` have no part in it."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    with suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def _close_others(kept: int) -> None:
    """stdin and stdout are empty, stderr stays, for our own faults; all others but `kept` go."""
    while (nothing := os.open(os.devnull, os.O_RDWR)) < _STANDARD:
        pass
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.closerange(_STANDARD, kept)
    os.closerange(kept + 1, _most_descriptors())


def _most_descriptors() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
