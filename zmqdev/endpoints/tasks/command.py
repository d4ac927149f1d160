"""One run of a worker's command: the body of a request is its stdin, its stdout the reply.

The command runs under /bin/sh in its own process group, so that a time limit ends all of it.
Nothing here waits: `step` reads and writes what it can. The command is over when the shell has
ended. Background processes are ended with it, unless they have their own process group (setsid).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from zmqdev.system import orphans

# Bytes of output at which a command is stopped.
MOST_OUTPUT = 64 << 20
# Bytes at the end of stderr that are kept for the report.
MOST_COMPLAINT = 4096
PIECE = 1 << 16
# Seconds that a killed command may take to end.
LET_DIE = 1.0


@dataclass(frozen=True)
class Outcome:
    """The result of a command: its `output`, or in words the reason of its `failure`."""

    output: bytes
    failure: str | None = None


class Command:
    """A running command. It starts at once; call `step` until it returns the outcome."""

    def __init__(self, command: str, body: bytes, environment: Mapping[str, str], due: float):
        self.due = due
        self._body = memoryview(body)
        self._output: list[bytes] = []
        self._length = 0
        self._complaint = b""
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **environment},
            bufsize=0,
        )
        orphans.own(self._process.pid)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._in: int | None = self._process.stdin.fileno()
        self._out = self._process.stdout.fileno()
        self._err = self._process.stderr.fileno()
        self._at_end: set[int] = set()
        for descriptor in (self._in, self._out, self._err):
            os.set_blocking(descriptor, False)
        self._exit: int | None = _exit_descriptor(self._process.pid)

    @property
    def readers(self) -> tuple[int, ...]:
        """Return the descriptors to poll for reading."""
        open_ends = tuple(d for d in (self._out, self._err) if d not in self._at_end)
        return open_ends if self._exit is None else (*open_ends, self._exit)

    @property
    def writers(self) -> tuple[int, ...]:
        """Return the descriptors to poll for writing."""
        return () if self._in is None else (self._in,)

    @property
    def silent_end(self) -> bool:
        """Whether no descriptor becomes readable when it ends, so that it must be polled."""
        return self._exit is None

    def step(self, now: float) -> Outcome | None:
        """Read and write what can be; return the outcome once the command is over."""
        self._feed()
        self._drain()
        if self._length > MOST_OUTPUT:
            return self._end(f"printed more than {MOST_OUTPUT >> 20} MiB and was stopped")
        if self._has_ended():
            self._drain()  # its output between the read and its end
            return self._end(None)
        if now >= self.due:
            return self._end("took too long and was stopped")
        return None

    def stop(self) -> None:
        """End it without an outcome."""
        self._end("was stopped")

    def _has_ended(self) -> bool:
        """Return whether the shell has ended.

        Its status is not collected here, so that its process group cannot be reused by another
        process.
        """
        if not hasattr(os, "waitid"):  # macOS
            return self._process.poll() is not None
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, flags) is not None

    def _take_status(self) -> None:
        """Collect the status of the shell.

        A killed process ends at once, unless it waits for a disk. In that case `subprocess`
        collects its status when it starts another process.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(LET_DIE)
            orphans.disown(self._process.pid)

    def _feed(self) -> None:
        if self._in is None:
            return
        try:
            while self._body:
                self._body = self._body[os.write(self._in, self._body[:PIECE]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            pass  # a command need not read its input
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._in = None

    def _drain(self) -> None:
        while self._length <= MOST_OUTPUT and (piece := self._read(self._out)):
            self._output.append(piece)
            self._length += len(piece)
        while piece := self._read(self._err):
            self._complaint = (self._complaint + piece)[-MOST_COMPLAINT:]

    def _read(self, descriptor: int) -> bytes:
        if descriptor in self._at_end:
            return b""
        try:
            piece = os.read(descriptor, PIECE)
        except BlockingIOError:
            return b""
        if not piece:
            self._at_end.add(descriptor)
        return piece

    def _end(self, failure: str | None) -> Outcome:
        """Kill all processes of the command, also in the background, and release everything."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        failure = failure or _failure(self._process.wait())
        self._take_status()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        if self._exit is not None:
            os.close(self._exit)
        if failure is None:
            return Outcome(b"".join(self._output))
        return Outcome(b"", _with_last_line(failure, self._complaint))


def _exit_descriptor(process: int) -> int | None:
    """Return a descriptor that is readable once the process has ended.

    It is None if the system has none.
    """
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(process)
    except OSError:
        return None


def _failure(status: int) -> str | None:
    if status == 0:
        return None
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with exit status {status}"


def _with_last_line(failure: str, complaint: bytes) -> str:
    lines = complaint.decode(errors="replace").strip().splitlines()
    return f"{failure}: {lines[-1].strip()}" if lines else failure
