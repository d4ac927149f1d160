"""Messages between a bench and its parties: frozen, sent as pickles."""

from __future__ import annotations

from dataclasses import dataclass, field

from zmqdev.stats.latency import Latency
from zmqdev.tools.bench.case import Case
from zmqdev.tools.bench.samples import Mark


@dataclass(frozen=True)
class Order:
    """The first thing a party is told.

    `verb` is bind or connect, and `addresses` where. `peers`: so many connections it waits
    for. `direct`: nothing stands between, so a worker routes its replies itself.
    `credits`: where subscribers say what has come. `hwm` None leaves libzmq's.
    """

    role: str
    case: Case
    verb: str
    addresses: tuple[str, ...] = ()
    peers: int = 1
    number: int = 0  # among its kind
    direct: bool = False
    pressed: bool = False  # no window: the device makes a fast publisher wait
    credits: tuple[str, ...] = ()
    hwm: int | None = None
    majordomo: bool = False


@dataclass(frozen=True)
class Opened:
    """Sockets are open: the addresses bound, and where a subscriber says what has come."""

    addresses: tuple[str, ...] = ()
    credit: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sent:
    """What a sender has done from `first` to `last` (monotonic seconds of the whole machine).

    `answered` and `in_time` are a client's: replies in all, and those before `last`. `late`
    is how much after its due time a message was sent.
    """

    messages: int
    first: float
    last: float
    answered: int = 0
    in_time: int = 0
    stalls: int = 0
    times: Latency = field(default_factory=Latency)
    late: Latency = field(default_factory=Latency)


@dataclass(frozen=True)
class ReceivedCount:
    """What a receiver has done. `marks`: (monotonic seconds, messages so far).

    `breaks`: how often the next number was not the next one; None when senders mix.
    `window`: how many messages were in flight at most in the end, of pubsub.
    """

    messages: int
    marks: tuple[Mark, ...] = ()
    breaks: int | None = None
    window: int | None = None
    times: Latency = field(default_factory=Latency)
