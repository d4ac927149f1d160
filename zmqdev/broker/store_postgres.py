"""A store in a PostgreSQL database, which several queues can share.

Rules.
- One thread uses the connection. It writes groups; between them it renews the lease of this run
  and takes over runs whose lease has expired.
- The run's own requests have keys from OWN on. Requests that were taken over get lower keys,
  counted downwards, so that they come first in their queues; `_places` has their keys in the
  database.
- After a failure the connection is made again and the group written again; requests that were
  written already are not written twice. After PATIENCE seconds the group is returned as refused,
  with AWAY. Its requests, which may have been written, are deleted when the database is back.
- When the connection was lost, or the run's own lease had expired (the database was away, or slow),
  every queue first has the time of one lease to renew its own before any run is taken over.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue

from zmqdev.broker import store_rows as rows
from zmqdev.broker.postgres_database import Place, PostgresDatabase, Row
from zmqdev.broker.postgres_errors import DatabaseAway, DatabaseFull, RunTaken
from zmqdev.broker.record import AWAY, FULL, Answer, Dead, Group, Kept, Settled
from zmqdev.errors import RunError
from zmqdev.stats import units

# The first key of a run's own requests. The 2**40 keys below are for those that are taken over.
OWN = 1 << 40
# Seconds between two renewals of the lease, and the least number of renewals in a lease.
_BEAT, _BEATS = 0.5, 3
# Seconds that a group waits for a database that is away, and between two attempts to reach it.
PATIENCE, _PAUSE = 1.0, 0.2
# Rows read at a time, so that the lease can be renewed meanwhile.
_PORTION = 20_000
# Seconds between two deletions of replies that were kept long enough, and looks at the size.
_PURGE = 1.0
# Least seconds of the first lease, since a start reads what it takes over.
_START = 15.0
# Seconds to wait at the end for a database that does not answer.
_FAREWELL = 2.0


class PostgresStore:
    """A store in PostgreSQL, see `Store`.

    `lease`: seconds without renewal after which other queues take over.
    """

    def __init__(
        self, url: str, lease: float, wall: Callable[[], float] = time.time, queue: str = ""
    ) -> None:
        self._database = PostgresDatabase(url)
        self.name = self._database.name
        self._lease, self._wall = lease, wall
        self._beat = min(lease / _BEATS, _BEAT)
        self._database.open()
        try:
            self._run = self._database.begin_run(queue or _this_queue(), max(lease, _START))
        except DatabaseAway as error:
            raise RunError(f"store {self.name}: {error}") from error
        self._leased = time.monotonic() + lease  # until then no other queue takes over
        self._adopts_from = 0.0
        self._places: dict[int, Place] = {}
        self._left: dict[int, int] = {}  # requests left of each run that was taken over
        self._unread: dict[int, str] = {}  # runs taken over and not read yet
        self._lowest = OWN
        self._doubtful: set[int] = set()
        self._away_since: float | None = None
        self._closing = False
        self._size, self._looked = 0, 0.0
        self._notices: list[str] = self._database.warnings
        self._groups: SimpleQueue[Group | None] = SimpleQueue()
        self._settled: deque[Settled | RunError] = deque()
        self.descriptor, self._bell = os.pipe()
        os.set_blocking(self.descriptor, False)
        self._thread: threading.Thread | None = None
        self.idle = True
        self.first_key = OWN
        self.damaged: tuple[Dead, ...] = ()

    # Called by the queue

    def recover(self) -> Iterable[Kept]:
        try:
            records, self.damaged = self._take_over()
        except (DatabaseAway, DatabaseFull, RunTaken) as error:
            raise RunError(f"store {self.name}: {error}") from error
        self._start()
        return records

    def write(self, group: Group) -> None:
        assert self.idle, "one group at a time"
        self.idle = False
        self._start()
        self._groups.put(group)

    def _start(self) -> None:
        """Start the thread. Until then the connection belongs to the caller's thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="store", daemon=True)
            self._thread.start()

    def settled(self) -> Settled | None:
        try:
            os.read(self.descriptor, 1)
        except BlockingIOError:
            return None
        found = self._settled.popleft()
        if isinstance(found, RunError):
            raise found
        if found.group is not None:
            self.idle = True
        return found

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._groups.put(None)
        if self._thread is None:
            self._farewell()
        else:
            self._thread.join(_FAREWELL)
        if self._thread is None or not self._thread.is_alive():
            os.close(self.descriptor)
            os.close(self._bell)

    # In the thread

    def _serve(self) -> None:
        due = 0.0
        while True:
            if time.monotonic() >= due:
                due = time.monotonic() + self._beat
                if not self._say(self._news):
                    return
            try:
                group = self._groups.get(timeout=max(0.0, due - time.monotonic()))
            except Empty:
                continue
            if group is None:
                self._farewell()
                return
            if not self._say(self._settle, group):
                return

    def _say(self, find: Callable[..., Settled | None], *given: Group) -> bool:
        """Deliver a result; return False when it is the last one."""
        try:
            found: Settled | RunError | None = find(*given)
        except RunTaken:
            found = self._fenced()
        except RunError as error:
            found = error
        except BaseException as error:
            found = RunError(f"store {self.name}: {error!r}")
            raise
        finally:
            if found is not None:
                self._settled.append(found)
                os.write(self._bell, b"!")
        return not isinstance(found, RunError)

    def _fenced(self) -> RunError:
        by = ""
        with contextlib.suppress(DatabaseAway, DatabaseFull, RunError):
            by = self._database.adopter(self._run)
        self._database.close()
        late = max(0.0, time.monotonic() - self._leased)
        who = f"the queue of {by} has taken over" if by else "another queue has taken over"
        return RunError(
            f"store {self.name}: fenced: {who} what this one kept, since its lease was over for "
            f"{late:.1f}s; start it again (--lease {self._lease:g}s was too short, or it stood)"
        )

    def _farewell(self) -> None:
        """End the lease at once, so that no queue waits for what is left."""
        with contextlib.suppress(DatabaseAway, DatabaseFull, RunError):
            if self._away_since is None:
                self._database.leave(self._run)
        self._database.close()

    # Between groups

    def _news(self) -> Settled | None:
        """Renew the lease; return what was taken over, if anything."""
        try:
            self._reach()
            records, damaged = self._take_over()
            self._look()
        except DatabaseFull:
            return None  # the next group will report it
        except DatabaseAway as error:
            self._lose(error)
            return Settled(None, AWAY, lease=self._leased, notices=self._take_notices())
        return Settled(
            None,
            adopted=tuple(records),
            damaged=damaged,
            lease=self._leased,
            size=self._size,
            notices=self._take_notices(),
        )

    def _reach(self) -> None:
        """Make sure that there is a connection, and renew the lease."""
        again = self._database.connect()
        began = time.monotonic()
        if not self._database.renew(self._run, self._lease) or again:
            self._adopts_from = began + self._lease
        self._leased = began + self._lease
        if self._away_since is not None:
            away = time.monotonic() - self._away_since
            self._notices.append(f"store {self.name}: reached again after {away:.1f}s")
            self._away_since = None

    def _lose(self, error: DatabaseAway) -> None:
        self._database.close()
        if self._away_since is None:
            self._away_since = time.monotonic()
            self._notices.append(
                f"store {self.name}: away: {error}; posts are refused until it is reached again"
            )

    def _take_notices(self) -> tuple[str, ...]:
        taken = tuple(self._notices)
        self._notices.clear()
        return taken

    def _take_over(self) -> tuple[list[Kept], tuple[Dead, ...]]:
        """Return requests of runs with an expired lease, oldest first, and damaged ones."""
        if time.monotonic() >= self._adopts_from:
            self._unread |= self._database.adopt(self._run)
        whole: list[tuple[Place, Kept]] = []
        bad: list[tuple[Place, Dead]] = []
        for run in sorted(self._unread):
            found = self._read(run)
            parts = [(place, row, rows.kept_of(row)) for place, row in found]
            whole += [(place, kept) for place, _, kept in parts if kept is not None]
            torn = [(place, row) for place, row, kept in parts if kept is None]
            bad += [(place, rows.damaged_of(row, self._wall())) for place, row in torn]
            self._left[run] = len(found) - len(torn)
            who = self._unread[run]
            count = units.counted(len(found), "request")
            self._notices.append(f"store {self.name}: took over {count} of {who}")
        if bad:
            self._database.bury_damaged(bad)
        self._unread.clear()
        self._forget()
        return self._with_keys(whole), tuple(dead for _, dead in bad)

    def _read(self, run: int) -> list[tuple[Place, Row]]:
        found: list[tuple[Place, Row]] = []
        while True:
            after = found[-1][0][1] if found else -1
            portion = self._database.fetch(run, after, _PORTION)
            found += [((row[0], row[1]), row[1:]) for row in portion]
            if len(portion) < _PORTION:
                return found
            self._reach()

    def _with_keys(self, found: Sequence[tuple[Place, Kept]]) -> list[Kept]:
        """Return requests with keys of this run, below all others."""
        self._lowest -= len(found)
        records = []
        for key, (place, kept) in enumerate(found, self._lowest):
            self._places[key] = place
            records.append(kept._replace(key=key))
        return records

    def _forget(self) -> None:
        """Delete runs that have no more requests."""
        empty = [run for run, count in self._left.items() if count <= 0]
        if empty:
            self._database.forget(self._run, empty)
            for run in empty:
                del self._left[run]

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked > _PURGE:
            self._looked = now
            self._database.purge(self._wall())
            self._size = self._database.size()

    # Groups

    def _settle(self, group: Group) -> Settled:
        began = time.monotonic()
        first = True
        while True:
            try:
                if not first or self._away_since is not None:
                    self._reach()
                return self._written(group, began)
            except DatabaseFull:
                return self._full(group, began)
            except DatabaseAway as error:
                long = self._away_since is not None and not first
                self._database.close()
                if self._closing or long or time.monotonic() - began > PATIENCE:
                    self._lose(error)
                    return self._refused(group, AWAY, began)
            first = False
            time.sleep(_PAUSE)

    def _written(self, group: Group, began: float) -> Settled:
        accepted_elsewhere = self._commit(group)
        answers, asked_elsewhere = self._asked(group)
        return Settled(
            group,
            answers=answers,
            elsewhere=accepted_elsewhere | asked_elsewhere,
            seconds=time.monotonic() - began,
            size=self._size,
            lease=self._leased,
            notices=self._take_notices(),
        )

    def _asked(self, group: Group) -> tuple[dict[bytes, Answer], frozenset[bytes]]:
        """Return answers to the asked ids, and the ids that another queue has."""
        if not group.asked:
            return {}, frozenset()
        found, others = self._database.asked(group.asked, [self._run, *self._left])
        answers = {call: one for call, one in found.items() if one.until > self._wall()}
        return answers, others - answers.keys()

    def _full(self, group: Group, began: float) -> Settled:
        """Refuse the group, but write the parts that make room."""
        refused = self._refused(group, FULL, began)
        try:
            self._commit(replace(group, accepted=(), asked=()))
            refused = replace(refused, unwritten=False)
        except DatabaseFull:
            pass
        answers, elsewhere = self._asked(group)
        return replace(refused, answers=answers, elsewhere=elsewhere)

    def _refused(self, group: Group, why: str, began: float) -> Settled:
        """Refuse a group of which nothing is known to be written.

        Its new requests may have been written, and must be deleted.
        """
        self._doubtful.update(kept.key for kept in group.accepted)
        return Settled(
            group,
            why,
            unwritten=True,
            seconds=time.monotonic() - began,
            size=self._size,
            lease=self._leased,
            notices=self._take_notices(),
        )

    def _commit(self, group: Group) -> frozenset[bytes]:
        """Write a group; return ids of accepted requests that another queue has."""
        doubtful = self._doubtful.difference(kept.key for kept in group.accepted)
        inserted = self._database.commit(
            self._run,
            group.accepted,
            group,
            [(self._place(kept.key), kept) for kept in group.attempts],
            [self._place(key) for key in (*group.ended, *doubtful)],
            [(self._place(dead.key), dead) for dead in group.dead],
        )
        self._doubtful.clear()
        for key in group.ended:
            place = self._places.pop(key, None)
            if place is not None and place[0] in self._left:
                self._left[place[0]] -= 1
        if inserted == len(group.accepted):
            return frozenset()
        return self._insert_rest(group.accepted)

    def _insert_rest(self, accepted: Sequence[Kept]) -> frozenset[bytes]:
        """Insert the requests that do not exist yet; return ids that another queue has.

        Some may have been written by the attempt before. A request that has just ended in another
        queue no longer exists, and belongs to this queue now.
        """
        own, others = self._database.there(self._run, accepted)
        rest = [kept for kept in accepted if kept.key not in own and kept.call not in others]
        if rest:
            self._database.commit(self._run, rest, Group(), (), (), ())
        return frozenset(others)

    def _place(self, key: int) -> Place:
        return self._places.get(key, (self._run, key))


def _this_queue() -> str:
    return f"{socket.gethostname()} process {os.getpid()}"
