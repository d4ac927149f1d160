"""Files that appear whole or not at all, whatever the disk does meanwhile."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zmqdev.errors import RunError, in_words

# Between the making of a directory and its lock there is a moment; seconds.
FRESH = 5.0


def write(path: str | Path, text: str, what: str = "", mode: int = 0o600) -> None:
    """Written beside its place, then moved there; what was there before stays until then.

    RunError says why not, with `what` before the path.
    """
    with _draft(path, what, mode) as (handle, draft):
        with open(handle, "w", closefd=False) as file:
            file.write(text)
        os.replace(draft, path)


def write_bytes(path: str | Path, data: bytes, what: str = "", mode: int = 0o600) -> None:
    """As `write`."""
    with _draft(path, what, mode) as (handle, draft):
        with open(handle, "wb", closefd=False) as file:
            file.write(data)
        os.replace(draft, path)


def check(path: str | Path) -> None:
    """RunError when it could not be written now. What is there is not touched."""
    with _draft(path, "", 0o600):
        pass


@contextmanager
def _draft(path: str | Path, what: str, mode: int) -> Iterator[tuple[int, Path]]:
    """An open file beside `path`, gone at the end unless it was moved."""
    target = Path(path)
    called = f"{what} {path}".lstrip()
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if target.exists() and not target.is_file():
            # It would be replaced: a device node or a pipe that others use.
            raise RunError(f"cannot write {called}: not an ordinary file")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        try:
            yield handle, draft
        finally:
            os.close(handle)
            with suppress(FileNotFoundError):
                os.unlink(draft)
    except OSError as error:
        raise RunError(f"cannot write {called}: {in_words(error)}") from None


@contextmanager
def scratch(prefix: str) -> Iterator[str]:
    """A directory that goes with its files at the end, or, after a kill -9, at the next start of
    a program that makes one. RunError where none can be made."""
    import tempfile

    _sweep(prefix)
    try:
        made = tempfile.TemporaryDirectory(prefix=prefix)
    except OSError as error:
        why = in_words(error)
        fix = "set TMPDIR to a directory that can be written"
        raise RunError(f"cannot make a temporary directory: {why}; {fix}") from None
    with made as name:
        handle = os.open(name, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)  # by the programs that were forked meanwhile, too
            yield name
        finally:
            os.close(handle)


def _sweep(prefix: str) -> None:
    """Remove the directories of ours whose programs have all gone."""
    import tempfile

    for path in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with suppress(OSError):  # not ours, held, or somebody else removes it just now
            found = path.lstat()
            if found.st_uid == os.getuid() and time.time() - found.st_ctime > FRESH:
                _remove_unheld(path)


def _remove_unheld(path: Path) -> None:
    import shutil

    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path)
    finally:
        os.close(handle)
