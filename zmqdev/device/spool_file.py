"""The file of a spool: SQLite, a row for each burst, written and read in its own thread.

One task at a time: `begin` returns at once, and the descriptor becomes readable when `done` has
the result. WAL with synchronous FULL, so that rows reported as written are on disk.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from zmqdev.device import spool_rows as rows
from zmqdev.device.spool_rows import Batch, Burst
from zmqdev.errors import RunError
from zmqdev.system.store_file import StoreFile

# Most messages and bytes of a row; most rows and bytes that are read at a time.
ROW_MESSAGES, ROW_BYTES = 4096, 1 << 20
READ_ROWS, READ_BYTES = 4096, 4 << 20
# Bytes that may be written above the configured size, for messages that peers had sent already at
# the end.
SLACK = 64 << 20
_FULL = "full"
# Seconds for the last task at the end, which may delete many rows; and for an earlier task that is
# not done.
_FAREWELL, _FAREWELL_HUNG = 10.0, 1.0


@dataclass(frozen=True)
class SpoolWork:
    """What to write, in order; to delete, rows up to the key `through`; to read, rows after
    `after`."""

    batches: Sequence[Batch] = ()
    through: int | None = None
    after: int | None = None

    @property
    def messages(self) -> int:
        """Return how many messages it writes."""
        return sum(len(batch.messages) for batch in self.batches)


@dataclass(frozen=True)
class SpoolResult:
    """The result of a task.

    `written` is False when there was no room. `added`: bytes that the new rows take.
    """

    work: SpoolWork
    written: bool
    added: int
    read: tuple[Burst, ...]
    more: bool  # whether there are rows after those that were read


class SpoolFile:
    """The file. RunError says why it cannot be opened, or cannot continue."""

    def __init__(self, path: str, size: int) -> None:
        self._file = StoreFile(path, "spool")
        self.name = self._file.name
        try:
            self._database = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=5
            )
            self._prepare(size)
            self._look()
        except sqlite3.Error as error:
            self._file.close()
            raise RunError(f"{self.name}: {_in_words(error)}") from error
        except BaseException:
            self._file.close()
            raise
        self._file.reserve()
        self._works: SimpleQueue[SpoolWork | None] = SimpleQueue()
        self._results: deque[SpoolResult | RunError] = deque()
        self.descriptor, self._bell = os.pipe()
        os.set_blocking(self.descriptor, False)
        self.idle = True
        self._thread = threading.Thread(target=self._serve, name="spool", daemon=True)
        self._thread.start()

    def _prepare(self, size: int) -> None:
        database = self._database
        [tables] = database.execute("select count(*) from sqlite_master").fetchone()
        [application] = database.execute("pragma application_id").fetchone()
        [version] = database.execute("pragma user_version").fetchone()
        if tables and application != rows.APPLICATION:
            raise RunError(f"{self.name}: made by another program; use another file")
        if version > rows.VERSION:
            raise RunError(
                f"{self.name}: of version {version}; this zmqdev reads up to {rows.VERSION}"
            )
        [mode] = database.execute("pragma journal_mode=wal").fetchone()
        if mode != "wal":
            raise RunError(f"{self.name}: its file system lacks what SQLite needs")
        database.execute("pragma synchronous=full")
        database.execute(f"pragma journal_size_limit={SLACK}")
        [page] = database.execute("pragma page_size").fetchone()
        database.execute(f"pragma max_page_count={(size + SLACK) // page}")
        if not tables:
            database.execute("begin immediate")
            database.execute(rows.TABLE)
            database.execute(f"pragma application_id={rows.APPLICATION}")
            database.execute(f"pragma user_version={rows.VERSION}")
            database.execute("commit")

    def _look(self) -> None:
        """Find how many messages there are, the room they take, and the next key."""
        self.messages = self.cost = last = 0
        for key, count, size in self._database.execute(
            "select key, messages, bytes from burst order by key"
        ):
            last = key
            if isinstance(count, int) and isinstance(size, int):  # otherwise it is damaged
                self.messages += max(0, count)
                self.cost += rows.cost(max(0, size))
        self._next = last + 1

    @property
    def size(self) -> int:
        """Return the bytes on disk."""
        return self._file.size()

    def begin(self, work: SpoolWork) -> None:
        """Begin a task; the file must be idle."""
        assert self.idle, "one work at a time"
        self.idle = False
        self._works.put(work)

    def done(self) -> SpoolResult | None:
        """Return the result of the task, once; None while there is none."""
        if not self._results:
            return None
        try:
            os.read(self.descriptor, 1)
        except BlockingIOError:
            return None  # the thread makes it readable a moment after it has put the result there
        found = self._results.popleft()
        self.idle = True
        if isinstance(found, RunError):
            raise found
        return found

    def close(self, through: int | None = None) -> None:
        """Delete rows up to `through`, once it is idle, and close the file.

        RunError when that fails. If the disk does not answer, the thread and the lock end with the
        process.
        """
        if through is not None:
            self._works.put(SpoolWork(through=through))
        self._works.put(None)
        self._thread.join(_FAREWELL if self.idle else _FAREWELL_HUNG)
        if self._thread.is_alive():
            raise RunError(f"{self.name}: its disk does not answer")
        last = self._results.pop() if self._results else None
        self._database.close()
        self._file.close()
        os.close(self.descriptor)
        os.close(self._bell)
        if through is not None and isinstance(last, RunError):
            raise last

    # In the thread

    def _serve(self) -> None:
        while (work := self._works.get()) is not None:
            try:
                result: SpoolResult | RunError = self._do(work)
            except sqlite3.Error as error:
                result = RunError(f"{self.name}: {_in_words(error)}")
            except RunError as error:
                result = error
            self._results.append(result)
            os.write(self._bell, b"!")

    def _do(self, work: SpoolWork) -> SpoolResult:
        written, added = True, 0
        try:
            added = self._write(work)
        except sqlite3.Error as error:
            if not _is_full(error):
                raise
            written = False
            self._delete_alone(work)
        if not self._file.is_there():
            raise RunError(f"{self.name}: the file was deleted or replaced")
        read, more = ((), False) if work.after is None else self._read(work.after)
        return SpoolResult(work, written, added, read, more)

    def _delete_alone(self, work: SpoolWork) -> None:
        """Delete rows after a write has failed on a full disk, which makes room."""
        if work.through is None:
            return
        for _ in range(2):
            try:
                self._write(SpoolWork(through=work.through))
                return
            except sqlite3.Error as error:
                if not _is_full(error):
                    raise
            if not self._file.give_up_reserve():
                return

    def _write(self, work: SpoolWork) -> int:
        """Write in one transaction; return how much room the new rows take."""
        if not work.batches and work.through is None:
            return 0
        made = [
            rows.row_of(key, part)
            for key, part in enumerate(
                rows.joined(work.batches, ROW_MESSAGES, ROW_BYTES), self._next
            )
        ]
        database = self._database
        database.execute("begin immediate")
        try:
            if work.through is not None:
                database.execute("delete from burst where key <= ?", (work.through,))
            database.executemany("insert into burst values (?,?,?,?,?)", made)
            database.execute("commit")
        except BaseException:
            if database.in_transaction:
                database.execute("rollback")
            raise
        self._next += len(made)
        return sum(rows.cost(row[2]) for row in made)

    def _read(self, after: int) -> tuple[tuple[Burst, ...], bool]:
        found: list[Burst] = []
        size = 0
        for row in self._database.execute(
            "select * from burst where key > ? order by key limit ?", (after, READ_ROWS)
        ):
            found.append(rows.burst_of(row))
            size += found[-1].cost
            if size >= READ_BYTES:
                break
        return tuple(found), size >= READ_BYTES or len(found) == READ_ROWS


def _is_full(error: sqlite3.Error) -> bool:
    return _FULL in str(error)


def _in_words(error: sqlite3.Error) -> str:
    if "not a database" in str(error):
        return "no spool of zmqdev; name another file"
    if "malformed" in str(error):
        return f"the file is damaged; move it away ({error})"
    return str(error)
