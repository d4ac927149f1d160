"""The records of a store, as data: no socket, file or clock.

Times are seconds since 1970, since they outlive the program. A `key` is a request's number: a
store gives out the first one, so that no two that it holds are the same (below 2**48, since
the token of a request has room for no more).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

# Why a group's new requests are not on disk; keys of call.REASONS.
FULL, AWAY = "store-full", "store-away"


class Kept(NamedTuple):
    """A request. `call`: its id, None when it has none."""

    key: int
    call: bytes | None
    service: bytes
    arrived: float
    attempts: int
    body: tuple[bytes, ...]


class Answer(NamedTuple):
    """How a call ended: with the `body` of its reply, or with a `code` of call.REASONS.

    It is kept until the time `until`.
    """

    call: bytes
    until: float
    code: str
    body: tuple[bytes, ...]


class Dead(NamedTuple):
    """A dead letter; `reason` is a key of letter.REASONS."""

    key: int
    call: bytes | None
    service: bytes
    reason: str
    at: float
    body: tuple[bytes, ...]


@dataclass(frozen=True)
class Group:
    """What is written together, or not at all.

    `attempts`: requests that are kept already and had an attempt more. `ended`: keys of those
    that need not be kept any more. `asked`: ids of which the store is to say what it knows.
    `forgotten`: ids whose answers need not be kept any more.
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
    """What became of a group.

    `refused`: why the accepted ones are not on disk, FULL or AWAY; `unwritten`: nor is anything
    else of it, and it is to be written again. `answers`: of the asked ids, those that have ended.
    `elsewhere`: ids that another queue has, of the asked and of the accepted ones. `adopted`:
    requests of a queue that is no more; `damaged`: what of them could not be read.
    `seconds` the commit took, `size` in bytes is the store's now. `lease`: by the clock of
    requests, until when no other queue may take over; infinite where none could. `notices`: lines
    for the log.

    `group` is None when something is to be told that no group brought.
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
