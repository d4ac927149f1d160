"""`zmqdev` as a copy of a process that has loaded it: most of a start is loading modules.

`popen` and `run` are what `subprocess.Popen` and `subprocess.run` are, for `zmqdev` alone.
Where the interpreter has to start anew (`cold`, or an environment that it reads then), they
are just that.
"""

from __future__ import annotations

import array
import atexit
import fcntl
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from support.fork_server import ENDED, REPORT, STARTED

import zmqdev
from zmqdev.relay import HALVES, NATIVE

SERVER = Path(__file__).with_name("fork_server.py")
CLIENT = Path(__file__).with_name("forked_client.py")
PROGRAM = str(Path(zmqdev.__file__).with_name("__main__.py"))
PLAIN: dict[str, Any] = {
    "module": "zmqdev.cli",
    "terminal": False,
    "limits": {},
    "ignored": [],
    "user": None,
}
# Read when the interpreter or the package is loaded: a copy has what the server had. There is a
# server for each half of the data path.
READ_AT_START = ("PYTHON", "LD_", "LANG", "LC_")
RELAY = "ZMQDEV_RELAY"
DEFAULT_HALF = os.environ.get(RELAY, "")


class Server:
    """The process that is copied. It ends with this one, and so do its copies."""

    def __init__(self, half: str) -> None:
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with there:
            # A session of its own: Ctrl-C is for pytest, which then ends what it has started.
            self._process = subprocess.Popen(
                [sys.executable, str(SERVER), str(there.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[there.fileno()],
                env={**os.environ, RELAY: half},
                start_new_session=True,
            )
        self._requests, self._lock = here, threading.Lock()
        atexit.register(self.close)

    def ask(self, request: dict[str, Any], standard: list[int]) -> tuple[int, int]:
        """The process id, and the pipe that its exit status will come by."""
        reading, writing = os.pipe()
        descriptors = array.array("i", [*standard, writing])
        with self._lock:
            self._requests.sendmsg(
                [json.dumps(request).encode()],
                [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)],
            )
        os.close(writing)
        return report(reading, STARTED), reading

    def fileno(self) -> int:
        """For `forked_client`."""
        return self._requests.fileno()

    def close(self) -> None:
        self._requests.shutdown(socket.SHUT_RDWR)  # a shell that goes on may have it open too
        self._requests.close()
        self._process.wait()


@cache
def server(half: str) -> Server:
    """Those of a process that runs tests; each is started when it is needed."""
    return Server(half)


def report(pipe: int, expected: bytes) -> int:
    data = os.read(pipe, REPORT.size)
    assert data, "the fork server has ended"
    kind, number = REPORT.unpack(data)
    assert kind == expected, "the program ended before it was set up"
    return int(number)


class Forked(subprocess.Popen[Any]):
    """The three methods that start a process and wait for it; the rest is `Popen`'s."""

    def __init__(
        self, words: list[str], request: dict[str, Any], half: str = DEFAULT_HALF, **options: Any
    ) -> None:
        self._request, self._status, self._server = request, -1, server(half)
        super().__init__([PROGRAM, *words], **options)

    def _execute_child(self, *given: Any) -> None:
        args, _executable, _preexec, _close, _pass, cwd, env, _info, _flags, _shell = given[:10]
        pipes = given[10:16]  # for stdin, stdout and stderr: the end to read, the end to write
        theirs = pipes[0], pipes[3], pipes[5]
        request = self._request | {
            "argv": args,
            "cwd": os.getcwd() if cwd is None else os.fspath(cwd),
            "env": dict(os.environ if env is None else env),
        }
        standard = [number if end == -1 else end for number, end in enumerate(theirs)]
        try:
            self.pid, self._status = self._server.ask(request, standard)
        finally:
            self._close_pipe_fds(*pipes)
        self._child_created = True

    def _internal_poll(self, *_args: Any, **_options: Any) -> int | None:
        return self._look(0)

    def _wait(self, timeout: float | None) -> int:
        status = self._look(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return status

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and self._status >= 0:
            poll = select.poll()
            poll.register(self._status, select.POLLIN)
            if poll.poll(None if timeout is None else timeout * 1000):
                self.returncode = report(self._status, ENDED)
                os.close(self._status)
        return self.returncode


def default_server() -> Server:
    return server(DEFAULT_HALF)


def popen(
    words: list[str],
    *,
    module: str = PLAIN["module"],
    cold: bool = False,
    terminal: bool = False,
    limits: Mapping[str, int] | None = None,
    ignored: Sequence[int] = (),
    user: int | None = None,
    env: Mapping[str, str] | None = None,
    **options: Any,
) -> subprocess.Popen[Any]:
    """`zmqdev WORDS`, or the `main` of another module. `env` is added to the environment of the
    tests. `terminal`: stdin is the terminal of a new session. `limits`: soft and hard limits by
    their name in `resource`. `ignored`: signals that are ignored from the start, as `nohup` does
    with SIGHUP. `user`: whose rights it has, as root alone can give them; never a cold start, for
    that user may not be let to the interpreter."""
    surroundings = {**os.environ, **(env or {})}
    half = half_of(surroundings)
    if user is None and (cold or half is None or read_at_start(surroundings) != AT_START):
        start = ["-m", "zmqdev"] if module == PLAIN["module"] else ["-m", module]
        return subprocess.Popen(
            [sys.executable, *start, *words],
            env=surroundings,
            start_new_session=terminal,
            preexec_fn=prepare(terminal, limits or {}, ignored),
            **options,
        )
    request: dict[str, Any] = {"terminal": terminal, "limits": dict(limits or {})}
    request |= {"ignored": list(ignored)}
    request |= {"module": module, "user": user}
    return Forked(words, {**PLAIN, **request}, half or DEFAULT_HALF, env=surroundings, **options)


def peer(words: list[str]) -> subprocess.Popen[Any]:
    """`support.peers` with these words."""
    return Forked(words, {**PLAIN, "module": "support.peers"})


def read_at_start(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(READ_AT_START)}


AT_START = read_at_start(os.environ)


def half_of(environ: Mapping[str, str]) -> str | None:
    """The server that has it; None when that can be none."""
    half = environ.get(RELAY, "")
    if half == "native" and NATIVE and not DEFAULT_HALF:
        return DEFAULT_HALF
    return half if half in ("", *HALVES) else None


def prepare(
    terminal: bool, limits: Mapping[str, int], ignored: Sequence[int]
) -> Callable[[], None] | None:
    def between() -> None:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, name), (value, value))
        if terminal:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    return between if terminal or limits or ignored else None


def run(
    words: list[str],
    *,
    capture_output: bool = False,
    input: Any = None,
    timeout: float = 60,
    **options: Any,
) -> subprocess.CompletedProcess[Any]:
    """`zmqdev WORDS` to its end."""
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if input is not None:
        options["stdin"] = subprocess.PIPE
    with popen(words, **options) as process:
        try:
            out, err = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
