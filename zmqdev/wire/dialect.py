"""The protocols between workers and brokers: a row for each published one.

The ROUTER's address frame left out, `client` one frame:

    mdp-0.1    ['', "MDPW01", command, …]   READY 01 service · REQUEST 02 · REPLY 03 ·
                                            HEARTBEAT 04 · DISCONNECT 05
    mdp-0.2    ["MDPW02", command, …]       READY 01 service · REQUEST 02 · PARTIAL 03 ·
                                            FINAL 04 · HEARTBEAT 05 · DISCONNECT 06
    majortomo  ['', "MDPW02", command, …]   as 0.2
    ppp        [01] READY · [02] HEARTBEAT · [client, '', body…] request and reply
    ppp-text   ["READY"] · ["HEARTBEAT"] · the rest as ppp: the Guide's C++, PHP, Lua, Tcl
    req        ['', any frame] READY · ['', client, '', body…] request and reply: the REQ
               workers of the Guide's load-balancing and simple pirate brokers

REQUEST, REPLY, PARTIAL and FINAL go on with `client, '', body…`. For a worker the
client frame is opaque, so the broker puts its own token there, and knows by it a reply
whose empty frame was left out, as the Guide's PHP does.

A REQ worker has no heartbeats, and takes whatever comes for a request; but a message of
four bytes, an empty frame and more is skipped by every REQ socket of libzmq 4 (it is of
another REQ_CORRELATE), so that one can show whether its connection still stands.
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
    """`interval`: seconds between heartbeats that the protocol's own programs use; infinite
    where there are none.

    `wordless`: whether requests and replies have no command. `alternates`: whether a worker
    sends and receives in turn, as a REQ socket does, so that each of its messages says that
    it waits for work, and any single frame is a READY. `probe` shows whether a worker's
    connection stands, where a heartbeat cannot.
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
        """Frames from the start to the body of an addressed message, `client` and '' included."""
        return len(self.lead) + (2 if self.wordless else 3)

    def lead_of(self, verb: DialectVerb) -> list[bytes]:
        """The frames up to what the command carries."""
        code = self.codes.get(verb)
        return [*self.lead] if code is None else [*self.lead, code]

    def frames(self, verb: DialectVerb, *carried: bytes) -> list[bytes]:
        """A whole message, the ROUTER's address frame left out."""
        return [*self.lead_of(verb), *carried]

    @property
    def beats(self) -> bool:
        """Whether silence means anything."""
        return self.interval < math.inf

    def pace(self, asked: float) -> float:
        """Seconds between heartbeats when `asked` are wanted; 0 wants the protocol's own."""
        return asked if asked and self.beats else self.interval

    def knows(self, verb: DialectVerb) -> bool:
        """Whether the protocol has such a message."""
        return verb in self.codes or (self.wordless and verb in _ADDRESSED - {DialectVerb.PARTIAL})

    def verb_of(self, frames: Sequence[bytes], start: int, addressed: DialectVerb) -> DialectVerb:
        """Which command a message is, INVALID when its shape is wrong.

        `start` is 1 when a ROUTER received it, 0 when a DEALER did. `addressed` is
        what a wordless message is: FINAL to a broker, REQUEST to a worker.
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

# What a message from a ROUTER must begin with to be of a dialect.
_BY_HEADER = {(WORKER_01, 2): MDP_01, (WORKER_02, 1): MDP_02, (WORKER_02, 2): MAJORTOMO}
# The only frame of a message that has one.
_BY_WORD = {word: row for row in (PPP, PPP_TEXT) for word in row.verbs}
_CLIENTS = frozenset({CLIENT_01, CLIENT_02})
_WORKERS = frozenset({WORKER_01, WORKER_02})
# The READY of a REQ worker, where a request of one frame is a client's.
_HELLOS = _WORKERS | {pirate.READY, pirate.READY_TEXT}


def recognise(frames: Sequence[bytes]) -> Dialect | None:
    """The dialect of a worker's message as a ROUTER received it; None when it is of none."""
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
    """Whether a message at an address for clients and workers both is a worker's, as far as
    its own frames say: Majordomo's header, or one of the words for READY and HEARTBEAT."""
    if len(frames) == 2:
        return frames[1] in _BY_WORD
    if len(frames) < 3:
        return False
    if frames[1] != DELIMITER:
        return frames[1] in _WORKERS
    return frames[2] in (_HELLOS if len(frames) == 3 else _WORKERS)
