"""A part as a process: `python -m zmqdev.cli.part PARENT KIND --config FILE`.

Its settings come in a file of mode 0600, for they may hold secrets. It has a
session of its own, so that Ctrl-C reaches it through `run` alone. Its stdin is
the gate: it loads its modules, says so there, and opens nothing before it may.
Statistics come as JSON lines among its output and are taken out of it.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

from zmqdev.errors import EXIT_FAILED, in_words
from zmqdev.options.part import Part
from zmqdev.options.part_options import kinds
from zmqdev.options.quantity import format_duration
from zmqdev.options.variables import escape
from zmqdev.supervisor.output import Voice
from zmqdev.supervisor.runner import ERR, OUT, STATISTICS, Surroundings
from zmqdev.system.interpreter import command

log = logging.getLogger("zmqdev")
CHUNK = 64 * 1024
# Chunks of one part before another one has its turn.
TURN = 4
# A statistics line begins so (report/columns.py), and no line of the log or of a message does.
_STATISTICS = b'{"time": '
_MARKS = (b'"kind": ', b'"uptime": ')


def is_statistics(line: bytes) -> bool:
    return line.startswith(_STATISTICS) and all(mark in line for mark in _MARKS)


class Process:
    """See `Running` for what each method promises."""

    def __init__(self, part: Part, around: Surroundings) -> None:
        self.part, self._around = part, around
        self._config = around.directory / f"{part.name}.yaml"
        ready = part.spec.ready_file
        self._ready_file = Path(ready) if ready else around.directory / f"{part.name}.ready"
        self._process: subprocess.Popen[bytes] | None = None
        self._gate: socket.socket | None = None
        self._loaded: Callable[[], None] | None = None
        self._ended: Callable[[int], None] | None = None
        self._voices: dict[str, Voice] = {OUT: Voice(b""), ERR: Voice(b"")}
        self._open: dict[str, IO[bytes]] = {}
        self._held = False

    def prepare(self, loaded: Callable[[], None]) -> None:
        here, there = socket.socketpair()
        with there:
            self._process = subprocess.Popen(
                self._command(),
                stdin=there.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment(self._around.environ)),
                start_new_session=True,
            )
        self._gate, self._loaded = here, loaded
        self._around.loop.watch(here, self._has_loaded)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._open = {OUT: self._process.stdout, ERR: self._process.stderr}
        for name, pipe in self._open.items():
            os.set_blocking(pipe.fileno(), False)
            self._around.loop.watch(pipe, partial(self._read, name))

    @property
    def loading(self) -> bool:
        return self._loaded is not None

    def start(self, ended: Callable[[int], None]) -> None:
        self._ended = ended
        try:
            self._write_config()
            self._ready_file.unlink(missing_ok=True)
            if self._process is None:
                self.prepare(lambda: None)
        except OSError as error:
            why = in_words(error)
            log.error("%s: cannot be started: %s", self.part.name, why)
            self._ended = None
            # Told in the next turn: who started it has not noted it down yet.
            self._around.loop.at(time.monotonic(), partial(ended, EXIT_FAILED))
            return
        assert self._gate is not None
        with suppress(OSError):  # it has ended before its turn; `look` finds out
            self._gate.send(b"\n")

    def discard(self) -> None:
        if self._process is not None and self._ended is None:
            self.kill()
            self._process.wait()
            self._finish()

    @property
    def ready(self) -> bool:
        return self._ready_file.exists()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def stop(self, *, at_once: bool = False) -> None:
        # A second SIGTERM makes a command leave at once; the first may still be on its way.
        self._signal(signal.SIGTERM)
        if at_once:
            self._signal(signal.SIGINT)

    def reload(self) -> None:
        self._signal(signal.SIGHUP)

    def kill(self) -> None:
        self._signal_group(signal.SIGKILL)

    def look(self) -> None:
        process = self._process
        if process is None or self._ended is None:
            return
        status = process.poll()
        if status is None:
            return
        ended, self._ended = self._ended, None
        self._finish()
        ended(status)

    def late(self, allowed: float) -> list[str]:
        """It hangs alone, and hinders nobody."""
        return []

    def hold(self) -> None:
        """Read none of its output for now: nobody takes it, so the part is to wait."""
        if not self._held and OUT in self._open:
            self._held = True
            self._around.loop.unwatch(self._open[OUT])

    def go_on(self) -> None:
        if self._held and OUT in self._open:
            self._around.loop.watch(self._open[OUT], partial(self._read, OUT))
        self._held = False

    def _command(self) -> list[str]:
        me = str(os.getpid())
        words = [me, self.part.kind, "--config", str(self._config)]
        return command("zmqdev.cli.child", *words, arguments=True)

    def _has_loaded(self) -> None:
        """It says so; or it has ended."""
        assert self._gate is not None
        self._around.loop.unwatch(self._gate)
        with suppress(OSError):
            self._gate.recv(1)
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            loaded()

    def _write_config(self) -> None:
        """JSON is YAML; it needs no import that this process does not have."""
        handle = os.open(self._config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w") as file:
            json.dump(configuration(self.part, self._ready_file, self._around.interval), file)

    def _signal(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(number)

    def _signal_group(self, number: signal.Signals) -> None:
        """The process and what it has started; it leads a session, so its pid is the group."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _read(self, name: str) -> None:
        pipe = self._open.get(name)
        for _ in range(TURN):
            if pipe is None or not self._chunk(name, pipe):
                return

    def _chunk(self, name: str, pipe: IO[bytes]) -> bool:
        """Hand on one chunk; False when there is none now."""
        try:
            data = os.read(pipe.fileno(), CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._close(name)
            self.look()
            return False
        for line in self._voices[name].lines(data):
            self._hand_on(name, line)
        return len(data) == CHUNK

    def _hand_on(self, name: str, line: bytes) -> None:
        self._around.heard(self.part.name, STATISTICS if is_statistics(line) else name, line)

    def _close(self, name: str) -> None:
        pipe = self._open.pop(name)
        self._around.loop.unwatch(pipe)
        pipe.close()
        for line in self._voices[name].rest():
            self._hand_on(name, line)

    def _finish(self) -> None:
        """Read what the pipes still hold. A grandchild may keep them open: it is not waited for."""
        for name in list(self._open):
            while name in self._open and self._chunk(name, self._open[name]):
                pass
            if name in self._open:
                self._close(name)
        if self._gate is not None:
            self._around.loop.unwatch(self._gate)
            self._gate.close()
            self._gate = self._loaded = None
        # A command of a worker that was killed has nobody left to answer to.
        self._signal_group(signal.SIGTERM)
        self._ready_file.unlink(missing_ok=True)
        self._config.unlink(missing_ok=True)


def configuration(part: Part, ready_file: Path, interval: float | None) -> dict[str, Any]:
    """The file that a part is started with: what was asked, and how `run` listens to it."""
    stats: dict[str, Any] = {"mode": "off"}
    if interval is not None:
        stats = {"mode": "json", "interval": format_duration(interval)}
    made: dict[str, Any] = escape(part.asked | {"stats": stats, "ready-file": str(ready_file)})
    return made


def environment(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Without ZMQDEV_QUEUE_... and the like: they would set all parts of a kind alike, over what
    the file says of each. A file takes values from the environment by ${NAME}."""
    heads = tuple(f"ZMQDEV_{kind.upper()}_" for kind in kinds())
    # What systemd tells `run` is for `run` alone.
    heads += ("NOTIFY_SOCKET", "WATCHDOG_")
    kept = {name: value for name, value in environ.items() if not name.startswith(heads)}
    return kept | {"PYTHONUNBUFFERED": "1"}
