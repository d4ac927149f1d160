"""The load `file`: send a file of lines with `zmqdev push -F`, receive it with `zmqdev pull`."""

from __future__ import annotations

import contextlib
import filecmp
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from zmqdev.errors import EXIT_OK, EXIT_UNMET, RunError
from zmqdev.system.interpreter import program
from zmqdev.tools.bench.case import Case
from zmqdev.tools.bench.report import Run
from zmqdev.tools.bench.targets import ANYWHERE, Between, await_file, last_line, started

# `pull` gives up on missing lines after this silence; `push` starts within it.
QUIET = 30.0
LONGEST = 300.0


def once(case: Case, row: Between, round_: int, place: Path) -> Run:
    """Run the load once through the target `row`.

    The rate is in lines a second, from the start of `push` until `pull` has written the
    last line and ended: the time a user waits. `place` is the directory of the run.
    Raises RunError when no line is missing and yet the files differ.
    """
    whole = case.count
    assert whole is not None
    source, target = _source(place.parent, whole), place / "out"
    with started(row, case, place, None) as running:
        backend = ("--bind", ANYWHERE) if running is None else ("--connect", running.backend)
        ready = place / "pull-ready"
        count = ("--count", str(whole), "--timeout", f"{QUIET}s", "--ready-file", str(ready))
        with _program(place, target, "pull", *backend, *count) as pull:
            await_file(ready, pull, "pull", place / "pull-err")
            address = ready.read_text().split()[3] if running is None else running.frontend
            begun = time.monotonic()
            feed = ("--file", str(source), "--connect", address, "--drain", f"{LONGEST:.0f}s")
            with _program(place, place / "push-out", "push", *feed) as push:
                _ended(pull, "pull", place, EXIT_UNMET)
                took = time.monotonic() - begun
                if pull.returncode != EXIT_UNMET:  # otherwise `push` may still hold lines
                    _ended(push, "push", place)
    if pull.returncode == EXIT_UNMET:
        return Run(row.name, round_, sent=whole, received=_lines(target))
    if not filecmp.cmp(source, target, shallow=False):
        raise RunError(f"bench: through {row.name}, the file that came out is not what went in")
    return Run(row.name, round_, rate=whole / took, sent=whole, received=whole)


def _source(top: Path, count: int) -> Path:
    """Return a file with the numbers from 1 to `count`, one a line; write it once."""
    path = top / f"lines-{count}"
    if not path.exists():
        with open(path, "w") as file:
            file.writelines(f"{number}\n" for number in range(1, count + 1))
    return path


@contextlib.contextmanager
def _program(
    place: Path, out: Path, command: str, *flags: str
) -> Iterator[subprocess.Popen[bytes]]:
    with open(out, "wb") as output, open(place / f"{command}-err", "wb") as err:
        process = subprocess.Popen(
            program(command, *flags),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=err,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _lines(path: Path) -> int:
    with open(path, "rb") as file:
        return sum(1 for _ in file)


def _ended(
    process: subprocess.Popen[bytes], command: str, place: Path, also: int = EXIT_OK
) -> None:
    """Wait until the process ends.

    Raises RunError when it fails or takes too long. `also` is another exit status that
    does not count as a failure.
    """
    try:
        status = process.wait(LONGEST)
    except subprocess.TimeoutExpired:
        raise RunError(f"bench: {command} has not ended within {LONGEST:.0f} s") from None
    if status not in (EXIT_OK, also):
        raise RunError(f"bench: {command}: {last_line(place / f'{command}-err')}")
