"""The file of a store or a spool: its lock, its file system, and a reserve for a full disk."""

from __future__ import annotations

import fcntl
import os

from zmqdev.errors import RunError, in_words
from zmqdev.system.mounts import file_system_of, is_network

# SQLite cannot even delete when the disk is full, so a file of this size is removed
# then.
RESERVE = 8 << 20


class StoreFile:
    """A file that this process alone uses until `close`.

    RunError names it, with `what` it is, and says what is wrong.
    """

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
        """Return device and inode of the file, which is made for its owner only if it
        is missing."""
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            return self._now()
        except OSError as error:
            raise RunError(f"{self.name}: {in_words(error)}") from error

    def _now(self) -> tuple[int, int]:
        found = os.stat(self.path)
        return found.st_dev, found.st_ino

    def is_there(self) -> bool:
        """Whether the path still leads to the file that was opened."""
        try:
            return self._now() == self._mark
        except OSError:
            return False

    def size(self) -> int:
        """Return its bytes, with those of the write-ahead log."""
        return sum(map(_size, (self.path, f"{self.path}-wal")))

    def reserve(self) -> None:
        """Make the reserve, if the disk has room for it."""
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
        """Remove the reserve; return whether there was one."""
        try:
            os.unlink(self._reserve_path())
        except FileNotFoundError:
            return False
        return True

    def _reserve_path(self) -> str:
        return f"{self.path}.reserve"

    def close(self) -> None:
        """Release the file."""
        os.close(self._lock)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def owner_of(path: str) -> str:
    """Return the process that uses a store; "" when none does."""
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
