"""The protocols between workers and brokers, declared as a table.

The address frame of the ROUTER is left out; `client` is one frame:

    mdp-0.1    ['', "MDPW01", command, …]   READY 01 service · REQUEST 02 · REPLY 03 ·
                                            HEARTBEAT 04 · DISCONNECT 05
    mdp-0.2    ["MDPW02", command, …]       READY 01 service · REQUEST 02 · PARTIAL 03 ·
                                            FINAL 04 · HEARTBEAT 05 · DISCONNECT 06
    majortomo  ['', "MDPW02", command, …]   as 0.2
    ppp        [01] READY · [02] HEARTBEAT · [client, '', body…] request and reply
    ppp-text   ["READY"] · ["HEARTBEAT"] · the rest as ppp: the Guide's C++, PHP, Lua, Tcl
    req        ['', any frame] READY · ['', client, '', body…] request and reply: the REQ
               workers of the Guide's load-balancing and simple pirate brokers

REQUEST, REPLY, PARTIAL and FINAL continue with `client, '', body…`. The client frame is
opaque to a worker, so the broker puts a token of its own there. The token also identifies
a reply whose empty frame was left out, as the Guide's PHP worker does.

A REQ worker has no heartbeats and takes any message for a request. But every REQ socket
of libzmq 4 skips a message of four bytes, an empty frame and more, which belongs to
another REQ_CORRELATE. Such a message shows whether the connection still exists.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from zmqdev.wire import pirate
from zmqdev.wire.envelope import DELIMITER
from zmqdev.wire.majordomo import CLIENT_01, CLIENT_02, WORKER_01, WORKER_02, is_service


class DialectVerb(Enum):
    """A command, by Majordomo's names. FINAL is 0.1's REPLY."""

    READY = "READY"
    REQUEST = "REQUEST"
    PARTIAL = "PARTIAL"
    FINAL = "FINAL"
    HEARTBEAT = "HEARTBEAT"
    DISCONNECT = "DISCONNECT"
    INVALID = "INVALID"


_ADDRESSED = frozenset({DialectVerb.REQUEST, DialectVerb.PARTIAL, DialectVerb.FINAL})


@dataclass(frozen=True, eq=False)
class Dialect:
    """A protocol between workers and brokers.

    `interval` is the seconds between heartbeats in the protocol's own programs,
    infinite without heartbeats. `wordless`: requests and replies have no command.
    `alternates`: a worker sends and receives in turn, as a REQ socket does, so each of
    its messages means that it waits for work, and any single frame is a READY. `probe`
    is a message that shows whether a connection exists, for protocols without
    heartbeats.
    """

    name: str
    lead: tuple[bytes, ...]
    codes: Mapping[DialectVerb, bytes]
    interval: float
    wordless: bool = False
    has_service: bool = True
    alternates: bool = False
    probe: tuple[bytes, ...] = ()
    verbs: Mapping[bytes, DialectVerb] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "verbs", {code: verb for verb, code in self.codes.items()})

    @property
    def body_after(self) -> int:
        """Return the number of frames before the body of an addressed message."""
        return len(self.lead) + (2 if self.wordless else 3)

    def lead_of(self, verb: DialectVerb) -> list[bytes]:
        """Return the frames up to and including the command."""
        code = self.codes.get(verb)
        return [*self.lead] if code is None else [*self.lead, code]

    def frames(self, verb: DialectVerb, *carried: bytes) -> list[bytes]:
        """Return a whole message, without the ROUTER's address frame."""
        return [*self.lead_of(verb), *carried]

    @property
    def beats(self) -> bool:
        """Whether the protocol has heartbeats, so that silence means a fault."""
        return self.interval < math.inf

    def pace(self, asked: float) -> float:
        """Return the seconds between heartbeats: `asked`, or for 0 those of the protocol."""
        return asked if asked and self.beats else self.interval

    def knows(self, verb: DialectVerb) -> bool:
        """Whether the protocol has such a message."""
        return verb in self.codes or (self.wordless and verb in _ADDRESSED - {DialectVerb.PARTIAL})

    def verb_of(self, frames: Sequence[bytes], start: int, addressed: DialectVerb) -> DialectVerb:
        """Return the command of a message; INVALID when its shape is wrong.

        `start` is 1 when a ROUTER received it, 0 when a DEALER did. `addressed` is the
        meaning of a wordless message: FINAL to a broker, REQUEST to a worker.
        """
        at = start + len(self.lead)
        if self.wordless:
            probed = self.probe and tuple(frames[start:]) == self.probe
            return DialectVerb.HEARTBEAT if probed else self._wordless_verb(frames, at, addressed)
        if len(frames) <= at or frames[at - 1] != self.lead[-1]:
            return DialectVerb.INVALID
        if len(self.lead) == 2 and frames[start] != DELIMITER:
            return DialectVerb.INVALID
        verb = self.verbs.get(frames[at], DialectVerb.INVALID)
        if verb in _ADDRESSED:
            whole = len(frames) > at + 3 and frames[at + 2] == DELIMITER
            return verb if whole else DialectVerb.INVALID
        if verb is DialectVerb.READY:
            whole = len(frames) == at + 2 and is_service(frames[at + 1])
            return verb if whole else DialectVerb.INVALID
        return verb if len(frames) == at + 1 else DialectVerb.INVALID

    def _wordless_verb(
        self, frames: Sequence[bytes], at: int, addressed: DialectVerb
    ) -> DialectVerb:
        if len(frames) <= at or (self.lead and frames[at - 1] != DELIMITER):
            return DialectVerb.INVALID
        if len(frames) == at + 1:
            return self.verbs.get(
                frames[at], DialectVerb.READY if self.alternates else DialectVerb.INVALID
            )
        if len(frames) > at + 2 and frames[at + 1] == DELIMITER:
            return addressed
        return DialectVerb.INVALID


def _codes(*verbs: DialectVerb) -> dict[DialectVerb, bytes]:
    return {verb: bytes([number]) for number, verb in enumerate(verbs, 1)}


_CODES_01 = _codes(
    DialectVerb.READY,
    DialectVerb.REQUEST,
    DialectVerb.FINAL,
    DialectVerb.HEARTBEAT,
    DialectVerb.DISCONNECT,
)
_CODES_02 = _codes(
    DialectVerb.READY,
    DialectVerb.REQUEST,
    DialectVerb.PARTIAL,
    DialectVerb.FINAL,
    DialectVerb.HEARTBEAT,
    DialectVerb.DISCONNECT,
)

MDP_01 = Dialect("mdp-0.1", (DELIMITER, WORKER_01), _CODES_01, interval=2.5)
MDP_02 = Dialect("mdp-0.2", (WORKER_02,), _CODES_02, interval=2.5)
MAJORTOMO = Dialect("majortomo", (DELIMITER, WORKER_02), _CODES_02, interval=2.5)
PPP = Dialect(
    "ppp",
    (),
    {DialectVerb.READY: pirate.READY, DialectVerb.HEARTBEAT: pirate.HEARTBEAT},
    interval=pirate.INTERVAL,
    wordless=True,
    has_service=False,
)
PPP_TEXT = Dialect(
    "ppp-text",
    (),
    {DialectVerb.READY: pirate.READY_TEXT, DialectVerb.HEARTBEAT: pirate.HEARTBEAT_TEXT},
    interval=pirate.INTERVAL,
    wordless=True,
    has_service=False,
)
REQ = Dialect(
    "req",
    (DELIMITER,),
    {DialectVerb.READY: pirate.READY_TEXT},
    interval=math.inf,
    wordless=True,
    has_service=False,
    alternates=True,
    probe=(b"\0\0\0\0", DELIMITER, DELIMITER),
)

DIALECTS: dict[str, Dialect] = {
    row.name: row for row in (MDP_01, MDP_02, MAJORTOMO, PPP, PPP_TEXT, REQ)
}

# (header frame, its index in a ROUTER's message) -> dialect.
_BY_HEADER = {(WORKER_01, 2): MDP_01, (WORKER_02, 1): MDP_02, (WORKER_02, 2): MAJORTOMO}
# Single command frame -> dialect.
_BY_WORD = {word: row for row in (PPP, PPP_TEXT) for word in row.verbs}
_CLIENTS = frozenset({CLIENT_01, CLIENT_02})
_WORKERS = frozenset({WORKER_01, WORKER_02})
# READY frames that a REQ worker may send, where other single frames are clients'
# requests.
_HELLOS = _WORKERS | {pirate.READY, pirate.READY_TEXT}


def recognise(frames: Sequence[bytes]) -> Dialect | None:
    """Return the dialect of a worker's message from a ROUTER; None when it has none."""
    if len(frames) == 2:
        return _BY_WORD.get(frames[1])
    if len(frames) < 3:
        return None
    at = 2 if frames[1] == DELIMITER else 1
    named = _BY_HEADER.get((frames[at], at))
    if named is not None or at == 1 or frames[2] in _CLIENTS:
        return named
    return None if REQ.verb_of(frames, 1, DialectVerb.FINAL) is DialectVerb.INVALID else REQ


def is_workers(frames: Sequence[bytes]) -> bool:
    """Whether a message comes from a worker, at an address that clients use too.

    Its frames decide: Majordomo's header, or one of the words for READY and HEARTBEAT.
    """
    if len(frames) == 2:
        return frames[1] in _BY_WORD
    if len(frames) < 3:
        return False
    if frames[1] != DELIMITER:
        return frames[1] in _WORKERS
    return frames[2] in (_HELLOS if len(frames) == 3 else _WORKERS)
