"""The file of a store or a spool: who has it, where it lies, and a reserve for the day the disk
is full.
"""

from __future__ import annotations

import fcntl
import os

from zmqdev.errors import RunError, in_words
from zmqdev.system.mounts import file_system_of, is_network

# When the disk is full SQLite cannot even delete, so this much is given up then.
RESERVE = 8 << 20


class StoreFile:
    """A file, ours alone until `close`. RunError names it, as `what` it is, and says what is
    wrong."""

    def __init__(self, path: str, what: str = "store") -> None:
        self.path, self.name = path, f"{what} {path}"
        kind = file_system_of(path)
        if is_network(kind):
            raise RunError(
                f"{self.name}: on a network file system ({kind}), where locks and flushes are "
                "unreliable; use a file on a local disk"
            )
        try:
            self._lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RunError(f"{self.name}: {in_words(error)}") from error
        try:
            self._take()
            self._mark = self._made()
        except BaseException:
            os.close(self._lock)
            raise

    def _take(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _named(self._lock)
            who = f"process {owner}" if owner.isdigit() else "another process"
            raise RunError(f"{self.name}: in use by {who}") from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, b"%d\n" % os.getpid(), 0)

    def _made(self) -> tuple[int, int]:
        """The file's device and number; made when there is none, for its owner alone."""
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            return self._now()
        except OSError as error:
            raise RunError(f"{self.name}: {in_words(error)}") from error

    def _now(self) -> tuple[int, int]:
        found = os.stat(self.path)
        return found.st_dev, found.st_ino

    def is_there(self) -> bool:
        """Whether the name still stands for the file that was opened."""
        try:
            return self._now() == self._mark
        except OSError:
            return False

    def size(self) -> int:
        """Bytes, with what waits beside it to be moved into it."""
        return sum(map(_size, (self.path, f"{self.path}-wal")))

    def reserve(self) -> None:
        """Have the reserve, as far as there is room."""
        path = self._reserve_path()
        if _size(path) == RESERVE:
            return
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, RESERVE)
            finally:
                os.close(descriptor)
        except OSError:
            self.give_up_reserve()

    def give_up_reserve(self) -> bool:
        """Whether that made room."""
        try:
            os.unlink(self._reserve_path())
        except FileNotFoundError:
            return False
        return True

    def _reserve_path(self) -> str:
        return f"{self.path}.reserve"

    def close(self) -> None:
        os.close(self._lock)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def owner_of(path: str) -> str:
    """The process that has a store, "" when none has."""
    try:
        lock = os.open(f"{path}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _named(lock)
    finally:
        os.close(lock)
    return ""


def _named(lock: int) -> str:
    return os.pread(lock, 32, 0).decode(errors="replace").strip()
