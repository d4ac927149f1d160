"""The records of a store, as data: no socket, file or clock.

Times are seconds since 1970, because records outlive the program. A `key` is the number of a
request, below 2**48, which is what fits into its token. The store gives out the first key, so that
no two requests in it have the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

# Why the new requests of a group are not on disk; keys of call.REASONS.
FULL, AWAY = "store-full", "store-away"


class Kept(NamedTuple):
    """A request in the store. `call` is its id, or None. `arrived` is in seconds since 1970."""

    key: int
    call: bytes | None
    service: bytes
    arrived: float
    attempts: int
    body: tuple[bytes, ...]


class Answer(NamedTuple):
    """The end of a call: the `body` of its reply, or a `code` of call.REASONS.

    It is kept until the time `until`.
    """

    call: bytes
    until: float
    code: str
    body: tuple[bytes, ...]


class Dead(NamedTuple):
    """A dead letter. `reason` is a key of letter.REASONS, `at` the time when it was made."""

    key: int
    call: bytes | None
    service: bytes
    reason: str
    at: float
    body: tuple[bytes, ...]


@dataclass(frozen=True)
class Group:
    """Changes that are written together, or not at all.

    - `attempts`: stored requests with one more attempt.
    - `ended`: keys of requests that are no longer needed.
    - `asked`: ids of calls whose state the store must look up.
    - `forgotten`: ids whose answers are no longer needed.
    """

    accepted: tuple[Kept, ...] = ()
    attempts: tuple[Kept, ...] = ()
    answers: tuple[Answer, ...] = ()
    dead: tuple[Dead, ...] = ()
    ended: tuple[int, ...] = ()
    asked: tuple[bytes, ...] = ()
    forgotten: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Settled:
    """The outcome of a group; `group` is None when the store has news without a group.

    - `refused`: why the accepted requests are not on disk, FULL or AWAY.
    - `unwritten`: the rest of the group is not on disk either, and must be written again.
    - `answers`: the asked calls that have ended.
    - `elsewhere`: ids, asked or accepted, that another queue has.
    - `adopted`: requests taken over from a queue that has ended.
    - `damaged`: those of them that could not be read.
    - `seconds`: duration of the commit.
    - `size`: bytes of the store now.
    - `lease`: the time, by the clock of requests, until which no other queue may take over;
      infinite without a lease.
    - `notices`: lines for the log.
    """

    group: Group | None
    refused: str = ""
    unwritten: bool = False
    answers: Mapping[bytes, Answer] = field(default_factory=dict)
    elsewhere: frozenset[bytes] = frozenset()
    adopted: tuple[Kept, ...] = ()
    damaged: tuple[Dead, ...] = ()
    seconds: float = 0.0
    size: int = 0
    lease: float = float("inf")
    notices: tuple[str, ...] = ()
