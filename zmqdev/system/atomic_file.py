"""Files that appear whole or not at all, even when the disk fails."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zmqdev.errors import RunError, in_words

# Seconds; a directory is locked a moment after it is made.
FRESH = 5.0


def write(path: str | Path, text: str, what: str = "", mode: int = 0o600) -> None:
    """Write a file beside its place, then move it there; the old file stays until then.

    Raises RunError that says why it cannot be written, with `what` before the path.
    """
    with _draft(path, what, mode) as (handle, draft):
        with open(handle, "w", closefd=False) as file:
            file.write(text)
        os.replace(draft, path)


def write_bytes(path: str | Path, data: bytes, what: str = "", mode: int = 0o600) -> None:
    """Write bytes, as `write` does text."""
    with _draft(path, what, mode) as (handle, draft):
        with open(handle, "wb", closefd=False) as file:
            file.write(data)
        os.replace(draft, path)


def check(path: str | Path) -> None:
    """Raise RunError when a file could not be written now; an existing file is not touched."""
    with _draft(path, "", 0o600):
        pass


@contextmanager
def _draft(path: str | Path, what: str, mode: int) -> Iterator[tuple[int, Path]]:
    """Yield an open file beside `path`, which is removed at the end unless it was moved."""
    target = Path(path)
    called = f"{what} {path}".lstrip()
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if target.exists() and not target.is_file():
            # Moving would replace it, and it may be a device node or a pipe in use.
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
    """Make a temporary directory, removed at the end.

    After a kill -9, the next program that makes one removes it. Raises RunError when
    none can be made.
    """
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
            fcntl.flock(handle, fcntl.LOCK_SH)  # forked programs share the lock
            yield name
        finally:
            os.close(handle)


def _sweep(prefix: str) -> None:
    """Remove this user's directories whose programs have all ended."""
    import tempfile

    for path in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with suppress(OSError):  # another user's, locked, or just being removed
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
