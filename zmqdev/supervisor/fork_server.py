"""A process that has loaded all modules, and forks to become each part. Its rules:

- It has one thread and never a ZeroMQ context, because a copy of a process with one
  would hang.
- It opens nothing. It blocks signals for its copies, which unblock them once they have
  handlers. It ends when its socket is closed, that is, when `run` ends.
- A request comes with three descriptors: stdout, stderr, and a file with the task.
- A part that has ended stays in the process table until `run` knows of it, so that its
  process id is not reused before.
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
"""START and 0, or HEARD and the process id of a part whose end `run` knows of."""
START, HEARD = b"s", b"h"
REPORT = struct.Struct("=cqi")
"""STARTED, ENDED or FAILED; the process id; the exit status, -N for signal N, or errno."""
STARTED, ENDED, FAILED = b"s", b"e", b"f"
DESCRIPTORS = 3

Become = Callable[[Any], int]
"""Does the task of a request in the copy, and returns its exit status."""

_BLOCKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_DEFAULTS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD)
_STANDARD = 3


def serve(requests: socket.socket, become: Become) -> NoReturn:
    """Serve requests until the socket is closed. Call it in a process that needs no open file."""
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
        self._running: dict[int, bool] = {}  # process id -> whether its end was reported

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
        """Handle one request; return False when the socket is closed."""
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
        """Report each part that has ended, and leave it in the process table."""
        for pid in [pid for pid, told in self._running.items() if not told]:
            found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is not None:
                self._running[pid] = True
                left = found.si_code == os.CLD_EXITED
                self._tell(ENDED, pid, found.si_status if left else -found.si_status)

    def _tell(self, kind: bytes, pid: int, status: int) -> None:
        self._requests.sendall(REPORT.pack(kind, pid, status))


def _be(server: int, descriptors: list[int], become: Become) -> NoReturn:
    """Run as the new process: set it up like a new interpreter, do the task, and exit."""
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
    """Connect stdout and stderr to those of the request and stdin to nothing; close all others."""
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
    """Exit as the interpreter does, without returning to the callers of `serve`."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    with suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def _close_others(kept: int) -> None:
    """Keep stderr and `kept` open; stdin and stdout become empty, all others are closed."""
    while (nothing := os.open(os.devnull, os.O_RDWR)) < _STANDARD:
        pass
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.closerange(_STANDARD, kept)
    os.closerange(kept + 1, _most_descriptors())


def _most_descriptors() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
