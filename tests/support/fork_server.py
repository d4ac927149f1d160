"""Forks `zmqdev`, and the tests' own peers, from a process that has loaded them: most of a start
is loading modules.

    python tests/support/fork_server.py DESCRIPTOR

A request is one datagram of the socket DESCRIPTOR: a JSON object and four descriptors, stdin,
stdout, stderr and the pipe for two reports: that of the process once it is set up, with its id,
and that of its end, with the exit status. A process is killed when nothing reads its reports any
more. The socket's end ends this process and all that it has started.

It has one thread and no ZeroMQ context: a copy of a process with one would hang. The child
leaves this module by its last line. One that fails ends there as the interpreter always does;
one that gives an exit status does all that but give back its memory, see `leave`.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import gc
import importlib
import io
import json
import os
import pkgutil
import resource
import select
import signal
import socket
import struct
import sys
import termios
import threading
from contextlib import suppress
from typing import Any

REPORT = struct.Struct("=cq")
STARTED, ENDED = b"s", b"e"
MOST_BYTES = 1 << 18
PR_SET_DUMPABLE = 4
STANDARD = 3
# Programs of the tests.
OTHERS = ("support.peers",)
# What a program starts with, whatever this process was started with.
DEFAULTS = (signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD, signal.SIGCONT, signal.SIGWINCH)


def load() -> None:
    """Every module of the package, and with them what they need."""
    import zmqdev

    for module in pkgutil.walk_packages(zmqdev.__path__, "zmqdev."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("rich.traceback", *OTHERS):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def serve(requests: socket.socket) -> dict[str, Any] | None:
    """Returns in each child with its request, and here with None when there are no more."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    running: dict[int, int] = {}
    poll = select.poll()
    for source in (requests.fileno(), reading):
        poll.register(source, select.POLLIN)
    while True:
        ready = dict(poll.poll())
        for pid in [pid for pid, pipe in running.items() if pipe in ready]:
            poll.unregister(running[pid])  # its reader has gone
            os.kill(pid, signal.SIGKILL)
        if reading in ready:
            os.read(reading, 4096)
            report(running, poll)
        if requests.fileno() in ready:
            text, descriptors, _, _ = socket.recv_fds(requests, MOST_BYTES, STANDARD + 1)
            if not text:
                break
            request: dict[str, Any] = json.loads(text)
            pid = fork()
            if pid == 0:
                become(request, descriptors)
                return request
            running[pid] = descriptors[STANDARD]
            poll.register(running[pid], 0)
            for descriptor in descriptors[:STANDARD]:
                os.close(descriptor)
    for pid in running:
        os.kill(pid, signal.SIGKILL)
    return None


def fork() -> int:
    threads = os.listdir("/proc/self/task") if sys.platform == "linux" else [""]
    assert len(threads) == 1, "only a process with one thread can be copied"
    return os.fork()


def report(running: dict[int, int], poll: select.poll) -> None:
    """Tell the exit status of each process that has ended, as `subprocess` does."""
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            pipe = running.pop(pid)
            with suppress(KeyError):  # it was killed
                poll.unregister(pipe)
            with suppress(BrokenPipeError):  # the test that started it has ended
                os.write(pipe, REPORT.pack(ENDED, os.waitstatus_to_exitcode(status)))
            os.close(pipe)


def become(request: dict[str, Any], descriptors: list[int]) -> None:
    """Make this process what a newly started interpreter is, for that request, and report."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in DEFAULTS:
        signal.signal(number, signal.SIG_DFL)
    for number in request["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    if request["terminal"]:
        os.setsid()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.closerange(STANDARD + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    if request["terminal"]:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    for name, value in request["limits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))
    if request["user"] is not None:
        become_user(request["user"])
    sys.argv = request["argv"]
    sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False))  # noqa: SIM115
    sys.stdout = stream(1, "strict")
    sys.stderr = stream(2, "backslashreplace")
    os.write(STANDARD, REPORT.pack(STARTED, os.getpid()))
    os.close(STANDARD)


def become_user(number: int) -> None:
    """As a login does; what /proc tells of this process is that user's then."""
    os.setgroups([])
    os.setgid(number)
    os.setuid(number)
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def stream(descriptor: int, errors: str) -> io.TextIOWrapper:
    raw = open(descriptor, "wb", closefd=False)  # noqa: SIM115
    by_line = descriptor == 2 or raw.isatty()
    return io.TextIOWrapper(raw, errors=errors, line_buffering=by_line)


def run(module: str) -> None:
    """Its `main`, which ends the process."""
    try:
        sys.modules[module].main()
        status = 0
    except SystemExit as ending:
        if ending.code is not None and not isinstance(ending.code, int):
            raise
        status = ending.code or 0
    leave(status)


def leave(status: int) -> None:
    """To take apart what is loaded would cost five times as much as most commands do. Threads are
    waited for, as always; ZeroMQ contexts are not: pyzmq leaves them alone at the end."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    try:
        for standard in (sys.stdout, sys.stderr):
            if standard is not None:
                standard.flush()
    except OSError:
        sys.exit(status)  # the interpreter has words for it
    os._exit(status)


if __name__ == "__main__":
    sys.path[0] = os.path.dirname(sys.path[0])  # that of `support`
    load()
    asked = serve(socket.socket(fileno=int(sys.argv[1])))
    if asked is not None:
        del sys.path[0]
        run(asked["module"])
