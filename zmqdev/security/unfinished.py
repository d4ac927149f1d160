"""Endless messages, detected from byte counts: numbers in, connections to cut out.

libzmq keeps the frames of a message until the last one has come; neither its high-water
mark nor the limit of a frame bounds that. Known are the bytes it has read from each
connection and, on request, which connections messages come from. So:

- A connection that has sent more than one message may have, since its last message was
  seen, is suspect. From then on the origin of messages is recorded.
- A message of a suspect clears it, until it has sent as much again.
- A suspect that has sent as much again must have ended a message, if it ever does. If
  that message must have had its turn and was not seen, it is endless.
- While the target is full no turn comes; then the queue may be full of messages of the
  largest size, but not more.

Sockets serve their connections in turn. So a turn has come when the device has moved a
message of each other connection, or had nothing to move.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

MEBIBYTE = 1 << 20
# Bytes of a frame on the wire beside its body: a header of 9 bytes, and with CURVE a
# nonce, a code and a name (RFC 26).
FRAME_OVERHEAD = 64
# Bytes for the handshake and other things that are not messages.
SLACK = 64 * 1024
# Bytes a second for heartbeats, which are not messages and last as long as the
# connection.
CHATTER = 256
# Seconds; a relay looks at a source that was empty at least this often.
UNLOOKED = 0.15
# When memory is short, a connection that has sent less since its last message is left
# alone.
WORTH = MEBIBYTE


def wire_size(most_bytes: int, most_frames: int) -> int:
    """Return the most bytes that a message within these limits takes on the wire; 0: no limit."""
    if not most_bytes:
        return 0
    return most_bytes + FRAME_OVERHEAD * (most_frames or most_bytes // 8) + SLACK


@dataclass(frozen=True)
class Progress:
    """How far a device is with the messages of one side; all numbers only grow.

    `emptied` counts how often everything was read, where that is known.
    """

    turns: int
    messages: int
    blocked_ns: int = 0
    emptied: int = 0


@dataclass
class _Account:
    """One connection. `ended` is the bytes it had sent when its last message was seen."""

    ended: int
    at: float
    suspect: int | None = None  # bytes it had sent when it became suspect
    due: int | None = None  # bytes by which it must have ended a message
    since: Progress | None = None  # progress when that message began to wait
    calm_from: float = 0.0  # since then nothing has blocked its turn
    cut: bool = False


@dataclass
class Unfinished(Generic[Key]):
    """The accounts of one side.

    `largest` comes from `wire_size`. `queue` messages of a connection may wait for
    their turn; 0: any number. `chatter` is the bytes a second that are not messages or
    that cannot be seen.
    """

    largest: int
    queue: int
    chatter: int = CHATTER
    _accounts: dict[Key, _Account] = field(default_factory=dict)

    @property
    def suspects(self) -> bool:
        """Whether the origin of messages has to be recorded."""
        return any(account.suspect is not None for account in self._accounts.values())

    def clear(self) -> None:
        """Forget all accounts."""
        self._accounts = {}

    def unfinished(self, key: Key, taken: int) -> int:
        """Return the bytes of a connection since its last message was seen."""
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
        """Return the connections to cut now.

        `taken` has the bytes of all connections. `seen` returns whether a message of a
        connection came since the last call. `progress` None means that nothing is read.
        With `tight` memory is short: then the limit is WORTH for all that hold more
        than `share`, or if that is None for the one that holds most.
        """
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
                seen(key)  # discard what was recorded before
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
        return False  # only when more was read, all before is queued
    since = account.since
    if since is None:
        account.since, account.calm_from = progress, now
        return False
    moved = progress.messages - since.messages
    if moved > 2 * connections + 16:
        return True
    if progress.blocked_ns != since.blocked_ns:
        # Turns are counted anew; messages are not.
        account.since = Progress(progress.turns, since.messages, progress.blocked_ns)
        account.calm_from = now
        return False
    return now - account.calm_from >= UNLOOKED and progress.turns - since.turns > moved + 2


@dataclass
class Floods(Generic[Key]):
    """Connections that send more than `most` bytes while there is always more to read.

    An XPUB reads the subscriptions of a peer for as long as more come, and returns the
    first one only when none is left. Until then no limit is checked, and each byte
    costs a node in its tries. It keeps everything it has read for the device. So when
    all connections together have sent more than `most_of_all` unread bytes, those with
    most are cut.
    """

    most: int
    most_of_all: int = 0
    _emptied: int = -1
    _before: Mapping[Key, int] | None = None  # bytes when more was first left unread

    @property
    def near(self) -> bool:
        """Whether more was left to read at the last look."""
        return self._before is not None

    def look(self, taken: Callable[[], Mapping[Key, int]], emptied: int) -> list[Key]:
        """Return the connections to cut now.

        `emptied` counts how often the device has read everything; while it grows,
        nothing is counted.
        """
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
