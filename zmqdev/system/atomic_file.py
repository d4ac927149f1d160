"""Files that appear whole or not at all, whatever the disk does meanwhile."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zmqdev.errors import RunError, in_words


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
    """A directory that goes with its files at the end. RunError where none can be made."""
    try:
        made = tempfile.TemporaryDirectory(prefix=prefix)
    except OSError as error:
        why = in_words(error)
        fix = "set TMPDIR to a directory that can be written"
        raise RunError(f"cannot make a temporary directory: {why}; {fix}") from None
    with made as name:
        yield name
