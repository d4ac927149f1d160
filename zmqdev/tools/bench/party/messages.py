"""The messages between a bench and its parties: frozen classes, sent as pickles."""

from __future__ import annotations

from dataclasses import dataclass, field

from zmqdev.stats.latency import Latency
from zmqdev.tools.bench.case import Case
from zmqdev.tools.bench.samples import Mark


@dataclass(frozen=True)
class Order:
    """The first message to a party: its role and its sockets.

    `verb` is bind or connect, and `addresses` the endpoints. The party waits for
    `peers` connections. `direct`: nothing is in between, so a worker routes its replies
    itself. `credits`: the addresses where subscribers report what has come. `hwm` None
    leaves libzmq's default.
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
    """Sockets are open: the addresses bound, and where a subscriber reports what has come."""

    addresses: tuple[str, ...] = ()
    credit: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sent:
    """What a sender did from `first` to `last`, in monotonic seconds of the machine.

    `answered` and `in_time` are for clients: all replies, and those before `last`.
    `late` records how long after its due time each message was sent.
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
    """What a receiver got. `marks` are (monotonic seconds, messages so far).

    `breaks` counts numbers that did not follow the one before; None when several
    senders mix. `window` is for pubsub: the most messages in flight at the end.
    """

    messages: int
    marks: tuple[Mark, ...] = ()
    breaks: int | None = None
    window: int | None = None
    times: Latency = field(default_factory=Latency)
