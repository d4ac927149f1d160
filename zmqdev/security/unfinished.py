"""Endless messages found from byte counts: numbers in, connections to cut out.

libzmq keeps the frames of a message until its last one has come; neither its
high-water mark nor a limit for one frame bounds that. What can be known is how
many bytes it has taken from each connection, and, when asked for, which
connections the messages come from. So:
- Who has sent more than one message may have, since a message of its was last seen,
  is suspect: from then on it is noted where messages come from.
- A message of a suspect clears it, until it has sent as much again.
- A suspect that has sent as much again and more has ended a message, if it ever
  does. Once that one must have had its turn and was not seen, there is none.
- While the way on is blocked no turn comes; then there may be a queue full of messages,
  each as large as allowed, and not more.

The turn: sockets serve their connections one by one. So it has come when the
device has moved a message of each other connection, or had nothing to move.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

MEBIBYTE = 1 << 20
# What a frame costs on the wire beside its body: a header of 9 bytes, and with CURVE a nonce,
# a code and a name (RFC 26).
FRAME_OVERHEAD = 64
# Handshake, and what else is no message.
SLACK = 64 * 1024
# Heartbeats are no messages, and go on for as long as the connection: bytes a second.
CHATTER = 256
# A relay looks at a source that it found dry at least this often, and a bit: seconds.
UNLOOKED = 0.15
# When memory is short: who has sent less since its last message is not worth a look.
WORTH = MEBIBYTE


def wire_size(most_bytes: int, most_frames: int) -> int:
    """The most that a message within these limits takes on the wire; 0: there is no limit."""
    if not most_bytes:
        return 0
    return most_bytes + FRAME_OVERHEAD * (most_frames or most_bytes // 8) + SLACK


@dataclass(frozen=True)
class Progress:
    """How far a device is with the messages of one side. None of it ever goes back.

    `emptied`: how often it had read all there was, where it counts that."""

    turns: int
    messages: int
    blocked_ns: int = 0
    emptied: int = 0


@dataclass
class _Account:
    """One connection. `ended`: bytes it had sent when a message of its was last seen."""

    ended: int
    at: float
    suspect: int | None = None  # bytes it had sent when it became one
    due: int | None = None  # the same when it must have ended a message
    since: Progress | None = None  # from here on that message waits for its turn
    calm_from: float = 0.0  # nothing was in the way of its turn since
    cut: bool = False


@dataclass
class Unfinished(Generic[Key]):
    """The accounts of one side. `largest` is of `wire_size`; `queue` messages of one connection
    may wait for their turn, 0: any number. `chatter`: bytes a second that are no messages, or
    none that is seen."""

    largest: int
    queue: int
    chatter: int = CHATTER
    _accounts: dict[Key, _Account] = field(default_factory=dict)

    @property
    def suspects(self) -> bool:
        """Whether it has to be noted where messages come from."""
        return any(account.suspect is not None for account in self._accounts.values())

    def clear(self) -> None:
        """Nobody is suspect, and what was known of anybody is forgotten."""
        self._accounts = {}

    def unfinished(self, key: Key, taken: int) -> int:
        """Bytes of a connection since a message of its was last seen."""
        account = self._accounts.get(key)
        return taken - account.ended if account else taken

    def look(
        self,
        taken: Mapping[Key, int],
        seen: Callable[[Key], bool],
        progress: Progress | None,
        now: float,
        tight: bool = False,
        share: int | None = None,
    ) -> list[Key]:
        """Who is to be cut now. `taken` has bytes of all connections, `seen` is asked for some
        whether a message came since it was last asked; `progress` None: nothing is read.
        `tight`: memory is short, and the limit is WORTH for all that hold more than `share`, or
        with none for the one that holds most."""
        self._accounts = {key: self._accounts.get(key) or _Account(0, now) for key in taken}
        limit = min(self.largest or WORTH, WORTH) if tight else self.largest
        if not limit:
            return []
        found = [key for key in taken if self._judge(key, taken, seen, progress, now, limit)]
        if tight and found:
            found = self._payers(found, taken, share)
        for key in found:
            self._accounts[key].cut = True
        return found

    def _payers(self, found: list[Key], taken: Mapping[Key, int], share: int | None) -> list[Key]:
        if share is None:
            return [max(found, key=lambda key: self.unfinished(key, taken[key]))]
        return [key for key in found if self.unfinished(key, taken[key]) > share]

    def _judge(
        self,
        key: Key,
        taken: Mapping[Key, int],
        seen: Callable[[Key], bool],
        progress: Progress | None,
        now: float,
        limit: int,
    ) -> bool:
        account, size = self._accounts[key], taken[key]
        if account.cut:
            return False
        allowed = limit + (self.chatter * (now - account.at) if limit == self.largest else 0)
        if account.suspect is None:
            if size - account.ended > allowed:
                seen(key)  # what was noted before is old
                account.suspect = size
            return False
        if seen(key):
            self._accounts[key] = _Account(size, now)
            return False
        more = size - account.suspect
        if self.queue and more > (self.queue + 2) * allowed:
            return True
        return more > allowed and _had_turn(account, size, progress, len(taken), now)


def _had_turn(
    account: _Account, size: int, progress: Progress | None, connections: int, now: float
) -> bool:
    """Whether a message that ended before `due` must have been seen by now."""
    if account.due is None:
        account.due = size
    if progress is None or size == account.due:
        return False  # who is read again after it: then all before it is in its queue
    since = account.since
    if since is None:
        account.since, account.calm_from = progress, now
        return False
    moved = progress.messages - since.messages
    if moved > 2 * connections + 16:
        return True
    if progress.blocked_ns != since.blocked_ns:
        # Counting of turns begins again; of messages it goes on.
        account.since = Progress(progress.turns, since.messages, progress.blocked_ns)
        account.calm_from = now
        return False
    return now - account.calm_from >= UNLOOKED and progress.turns - since.turns > moved + 2


@dataclass
class Floods(Generic[Key]):
    """Connections that send more than `most` bytes while there is always more to read.

    An XPUB takes in the subscriptions of a peer for as long as more come, and hands up the first
    when none is left: then no limit of theirs is asked, and each byte costs a node in its tries.
    It keeps for the device all that it has taken in. So above `most_of_all` bytes that are not
    read, of all connections together, those with most are to go.
    """

    most: int
    most_of_all: int = 0
    _emptied: int = -1
    _before: Mapping[Key, int] | None = None  # bytes when it was first seen to have more

    @property
    def near(self) -> bool:
        """Whether there was more to read since the last time."""
        return self._before is not None

    def look(self, taken: Callable[[], Mapping[Key, int]], emptied: int) -> list[Key]:
        """Who is to be cut now. `emptied`: how often the device has read all there was; while it
        does, nobody is counted."""
        if emptied != self._emptied:
            self._emptied, self._before = emptied, None
            return []
        now = taken()
        if self._before is None:
            self._before = now
            return []
        before = self._before
        unread = {key: size - before.get(key, 0) for key, size in now.items()}
        found = [key for key, size in unread.items() if size > self.most]
        found += self._largest({key: size for key, size in unread.items() if size <= self.most})
        self._before = {**before, **{key: now[key] for key in found}}
        return found

    def _largest(self, unread: Mapping[Key, int]) -> list[Key]:
        excess = sum(unread.values()) - self.most_of_all
        found = []
        for key in sorted(unread, key=unread.__getitem__, reverse=True):
            if not self.most_of_all or excess <= 0 or unread[key] <= SLACK:
                break
            found.append(key)
            excess -= unread[key]
        return found
