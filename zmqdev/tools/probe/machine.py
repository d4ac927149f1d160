"""The probe as a state machine without I/O: bytes and time in, a finding out.

    GREETING   our signature and version are sent; their greeting has version and mechanism
    HANDSHAKE  NULL: the rest of ours is sent; their READY has socket type and routing id
    PING       only where joining is harmless: our READY, then PING and PONG

Until our READY is sent, the other side has no pipe to us: it sends us no message, and
none that another peer should get is lost. A socket that gives work to every peer (PUSH,
DEALER, REQ, PAIR) is therefore never joined. Our mechanism is held back until theirs is
known, because libzmq hangs up on a wrong one before it has sent its own greeting.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto

from zmqdev.tools.probe import foreign, greeting, zmtp
from zmqdev.tools.probe.greeting import Greeting, Unread

# The type to present as, such that joining the socket takes no message.
BYSTANDER = {
    "PUB": "SUB",
    "XPUB": "SUB",
    "SUB": "PUB",
    "XSUB": "PUB",
    "PULL": "PUSH",
    "REP": "REQ",
    "ROUTER": "DEALER",
}
# READY is small; a peer that sends more is not worth listening to.
FRAME_LIMIT = 64 * 1024
# Bytes kept of what is not ZMTP, to recognise it.
KEPT = 256
PING_CONTEXT = b"zmqdev-probe"
PONG = zmtp.ZmtpCommand("PONG", PING_CONTEXT)
DEFAULT_TIMEOUT = 2.0
# What a mechanism needs from a peer that connects.
_NEEDS = {
    "CURVE": "its public key (--server-key)",
    "PLAIN": "a name and a password (--plain-username, --plain-password)",
}


class Kind(Enum):
    """The kind of a finding."""

    ZMTP = "zmtp"
    FOREIGN = "foreign"
    SILENT = "silent"
    CLOSED = "closed"


@dataclass(frozen=True)
class ProbeFinding:
    """What was found. Times are in seconds; None means that the peer did not say.

    `greeting_time` runs from our greeting to the end of theirs; `round_trip` from PING
    to PONG, which the other side's I/O thread answers.
    """

    kind: Kind
    version: str | None = None
    mechanism: str | None = None
    as_server: bool = False
    socket_type: str | None = None
    routing_id: bytes | None = None
    properties: zmtp.Properties = ()
    greeting_time: float | None = None
    round_trip: float | None = None
    looks_like: str | None = None
    note: str = ""


class _State(Enum):
    GREETING = auto()
    HANDSHAKE = auto()
    PING = auto()
    DONE = auto()


class Probe:
    """The probe of one connection: feed it and send its output until `finding` is set."""

    def __init__(self, now: float, *, timeout: float = DEFAULT_TIMEOUT, join: bool = True) -> None:
        self.finding: ProbeFinding | None = None
        self._join = join
        self._started = now
        self._ends = now + timeout
        self._nudge_at = now + timeout / 2
        self._state = _State.GREETING
        self._seen = bytearray()
        self._greeting_sent = False
        self._out = bytearray(greeting.build("NULL")[: greeting.OPENING_BYTES])
        self._so_far = ProbeFinding(Kind.SILENT)
        self._decoder = zmtp.Decoder(FRAME_LIMIT)
        self._pinged = now

    def bytes_to_send(self) -> bytes:
        """Return what to send now; empty when there is nothing."""
        data, self._out = bytes(self._out), bytearray()
        return data

    def deadline(self) -> float:
        """Return when `tick` is due."""
        return min(self._nudge_at, self._ends)

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the other side."""
        if self._state is _State.GREETING:
            self._receive_greeting(data, now)
        elif self._state is not _State.DONE:
            self._receive_frames(data, now)

    def closed(self, now: float) -> None:
        """Note that the other side hung up."""
        if self._state is _State.DONE:
            return
        if self._state is _State.GREETING:
            self._end_foreign(Kind.CLOSED, "it hung up without a word of ZMTP")
        else:
            self._end(f"it hung up during the handshake{self._asks_for()}")

    def tick(self, now: float) -> None:
        """Let time pass: nudge a silent server, and end at the deadline."""
        if self._state is _State.DONE:
            return
        if now >= self._ends:
            self._time_out()
        elif now >= self._nudge_at:
            self._nudge_at = self._ends
            if not self._seen:
                self._out += foreign.NUDGE
            elif self._state is _State.GREETING:
                self._send_rest()

    def _time_out(self) -> None:
        if self._state is _State.PING:
            self._end("it did not answer PING")
        elif self._state is _State.HANDSHAKE:
            self._end("no READY came: its ZAP handler may not have answered")
        elif self._seen:
            self._end_foreign(Kind.FOREIGN, "what it said is no ZMTP")
        else:
            self._end_foreign(Kind.SILENT, "it accepted the connection and said nothing")

    def _receive_greeting(self, data: bytes, now: float) -> None:
        self._seen += data
        read = greeting.read(bytes(self._seen))
        if read is Unread.FOREIGN:
            self._end_foreign(Kind.FOREIGN, "what it said is no ZMTP")
        elif isinstance(read, Greeting):
            self._greeted(read, now)
            if self._state is _State.HANDSHAKE:
                self._receive_frames(bytes(self._seen[greeting.GREETING_BYTES :]), now)

    def _greeted(self, read: Greeting, now: float) -> None:
        self._so_far = ProbeFinding(
            Kind.ZMTP,
            version=read.version,
            mechanism=read.mechanism,
            as_server=read.as_server,
            socket_type=read.socket_type,
            greeting_time=now - self._started,
        )
        if read.major < 3:
            self._end("an old libzmq: it has no security, and no PING")
        elif read.mechanism != "NULL":
            needs = _NEEDS.get(read.mechanism, "to know it")
            self._end(
                f"its socket type is hidden behind {read.mechanism}; who connects needs {needs}"
            )
        else:
            self._state = _State.HANDSHAKE
            self._send_rest()

    def _send_rest(self) -> None:
        """Send the rest of our greeting, once: to a NULL peer, or to one that waits for it."""
        if not self._greeting_sent:
            self._greeting_sent = True
            self._out += greeting.build("NULL")[greeting.OPENING_BYTES :]

    def _receive_frames(self, data: bytes, now: float) -> None:
        try:
            for frame in self._decoder.feed(data):
                if frame.command and self._state is not _State.DONE:
                    self._command(zmtp.read_command(frame.body), now)
        except zmtp.Broken as error:
            self._end(f"its handshake is broken: {error}")

    def _command(self, command: zmtp.ZmtpCommand, now: float) -> None:
        if command.name == "ERROR":
            reason = zmtp.error_reason(command.data)
            self._end(f"it refuses this address (ERROR {foreign.excerpt(reason.encode())})")
        elif self._state is _State.HANDSHAKE and command.name == "READY":
            self._ready(zmtp.read_properties(command.data), now)
        elif self._state is _State.PING and command == PONG:
            self._so_far = replace(self._so_far, round_trip=now - self._pinged)
            self._end("")

    def _ready(self, properties: zmtp.Properties, now: float) -> None:
        kind = foreign.excerpt(zmtp.lookup(properties, "Socket-Type") or b"")
        self._so_far = replace(
            self._so_far,
            socket_type=kind or None,
            routing_id=zmtp.lookup(properties, "Identity"),
            properties=properties,
        )
        bystander = BYSTANDER.get(kind)
        if not self._join or self._so_far.version == "3.0":
            self._end("")
        elif bystander is None:
            self._end(
                f"not pinged: a {kind or 'socket of no type'} may send work to any peer that joins"
            )
        else:
            self._out += zmtp.ready(bystander) + zmtp.ping(PING_CONTEXT)
            self._state, self._pinged = _State.PING, now

    def _asks_for(self) -> str:
        return "" if self._so_far.socket_type else ", before it said what it is"

    def _end_foreign(self, kind: Kind, note: str) -> None:
        seen = bytes(self._seen[:KEPT])
        if seen:
            note = f"{note}: '{foreign.excerpt(seen)}'"
            kind = Kind.FOREIGN
        self._so_far = ProbeFinding(kind, looks_like=foreign.recognise(seen))
        self._end(note)

    def _end(self, note: str) -> None:
        self._state = _State.DONE
        self.finding = replace(self._so_far, note=note)
