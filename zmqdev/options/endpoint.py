"""The endpoints as they were asked for: pub sub push pull client worker.

What an endpoint can be asked is the sum of small groups: all have a socket and
a life, senders have an input, receivers an output. `ENDPOINTS` says which
spec, socket types and default address each kind has.
"""

from __future__ import annotations

from dataclasses import dataclass

from zmqdev.options.common import EndpointStats, Logging, Ready
from zmqdev.options.crowd import Crowd
from zmqdev.options.delivery import Checking, Stamping
from zmqdev.options.option import option, section
from zmqdev.options.reliable_peers import Calling, Serving
from zmqdev.options.separator import Separator
from zmqdev.options.side import Side
from zmqdev.options.types import (
    NOTHING,
    Address,
    Choice,
    Duration,
    FileName,
    Flag,
    Integer,
    Many,
    Number,
    Prefix,
    Text,
)

FORMATS = ("text", "raw", "quoted", "hex", "json")


@dataclass(frozen=True)
class Endpoint(Side, Logging, Ready):
    """What all six have. Their one socket's options are keys of the top level."""

    bind: tuple[str, ...] = option(
        Many(Address(verb="bind")),
        default=(),
        short="b",
        help="Address to bind; repeatable.",
        group="Socket",
    )
    connect: tuple[str, ...] = option(
        Many(Address(verb="connect")),
        default=(),
        short="c",
        help="Address to connect to; repeatable.",
        group="Socket",
    )
    set: tuple[str, ...] = option(
        Many(Text(metavar="OPTION=VALUE", any_bytes=True)),
        default=(),
        help="Set a ZeroMQ socket option, like sndhwm=5000; repeatable.",
        group="Socket",
    )
    name: str | None = option(
        Text(metavar="NAME"), help="Name shown. Default: the kind.", group="Life"
    )
    count: int | None = option(
        Integer(1), short="n", help="End after this many messages.", group="Life"
    )
    drain: float = option(
        Duration(),
        default=5.0,
        help="How long unsent messages may take to leave at the end.",
        group="Life",
    )
    limits: Crowd = section(Crowd, help="How many peers may come.")
    stats: EndpointStats = section(
        EndpointStats, help="What is shown of the flow.", shorthand="mode"
    )


@dataclass(frozen=True)
class Frames:
    """How a message of several frames is written."""

    frames: bytes | None = option(
        Separator(),
        help="What stands between the frames of a message, like '|' or '\\t': input is split "
        "there, output joined. Default: input is one frame, output is joined by a blank.",
        group="Form",
    )


@dataclass(frozen=True)
class Records:
    """How messages lie in a stream of bytes, in or out."""

    format: str = option(
        Choice(choices=FORMATS),
        default="text",
        help="Form of what is read and written: lines of text, raw bytes (all input is one "
        "message, output gets nothing added), quoted, hex, or JSON lines.",
        group="Form",
    )
    null: bool = option(
        Flag(),
        default=False,
        short="0",
        help="Messages end with NUL instead of newline.",
        group="Form",
    )


@dataclass(frozen=True)
class Input:
    """Where messages come from, and when."""

    data: tuple[str, ...] = option(
        Many(Text(any_bytes=True)),
        default=(),
        short="D",
        help="Text of a message; may hold {n}, {time}, {random}; repeatable.",
        group="Input",
    )
    file: str | None = option(
        FileName(change=NOTHING),
        short="F",
        help="Read messages from a file; - is stdin. Default: stdin when it is a pipe or file.",
        group="Input",
    )
    interval: float | None = option(
        Duration(positive=True), short="i", help="Time between two messages.", group="Input"
    )
    jitter: float | None = option(
        Duration(positive=True),
        help="With --interval: make each pause longer or shorter at random by up to this.",
        group="Input",
    )
    rate: float | None = option(Number(), help="Messages a second, evenly.", group="Input")


@dataclass(frozen=True)
class WaitPeers:
    """Starting when the others are there."""

    wait_peers: int | None = option(
        Integer(1), help="Begin when this many peers are connected.", group="Life"
    )


@dataclass(frozen=True)
class Patience:
    """`timeout` of all but the client, whose is for one request."""

    timeout: float | None = option(
        Duration(positive=True),
        short="t",
        help="Longest wait for a peer, a message or room to send. Exit status 3 when --count "
        "was not reached, or nothing came at all.",
        group="Life",
    )


@dataclass(frozen=True)
class Pub(Stamping, Records, Frames, Input, Patience, Endpoint):
    type: str | None = option(
        Choice(choices=("XPUB", "PUB"), metavar="TYPE", upper=True),
        help="Socket type, XPUB or PUB. Default: XPUB, which sees who subscribes.",
        group="Socket",
    )
    ticks: bool = option(
        Flag(),
        default=False,
        help="Send SYMBOL PRICE once a second. Default when there is no input.",
        group="Input",
    )
    seed: int | None = option(
        Integer(0), help="Make the ticks and {random} repeatable.", group="Input"
    )
    wait_subscribers: int | None = option(
        Integer(1), help="Begin when this many subscriptions are here.", group="Life"
    )
    on_full: str | None = option(
        Choice(choices=("block", "drop")),
        help="When a subscriber is slow: wait for it, or drop what it cannot take. Default: drop "
        "with --interval, --rate or ticks, block otherwise.",
        group="Life",
    )


@dataclass(frozen=True)
class Push(Stamping, Records, Frames, Input, WaitPeers, Patience, Endpoint):
    type: str | None = option(
        Choice(choices=("PUSH", "DEALER", "PAIR"), metavar="TYPE", upper=True),
        help="Socket type: PUSH, DEALER or PAIR. Default: PUSH.",
        group="Socket",
    )
    seed: int | None = option(Integer(0), help="Make {random} repeatable.", group="Input")


@dataclass(frozen=True)
class Sub(Checking, Records, Frames, Patience, Endpoint):
    subscribe: tuple[bytes, ...] = option(
        Many(Prefix()),
        default=(),
        short="s",
        help="First bytes of the messages wanted; repeatable. Default: all messages.",
        group="Socket",
    )


@dataclass(frozen=True)
class Pull(Checking, Records, Frames, Patience, Endpoint):
    type: str | None = option(
        Choice(choices=("PULL", "DEALER", "ROUTER", "PAIR"), metavar="TYPE", upper=True),
        help="Socket type: PULL, DEALER, ROUTER or PAIR. Default: PULL.",
        group="Socket",
    )


@dataclass(frozen=True)
class Client(Calling, Stamping, Records, Frames, Input, WaitPeers, Endpoint):
    timeout: float = option(
        Duration(positive=True),
        default=10.0,
        short="t",
        help="How long to wait for a reply before the request is sent again or given up.",
        group="Requests",
    )
    retries: int = option(
        Integer(0), default=0, help="How often a request is sent again.", group="Requests"
    )
    window: int = option(
        Integer(1, 100_000), default=1, help="Requests in flight at a time.", group="Requests"
    )
    seed: int | None = option(Integer(0), help="Make {random} repeatable.", group="Input")


@dataclass(frozen=True)
class Worker(Serving, Frames, Patience, Endpoint):
    type: str | None = option(
        Choice(choices=("DEALER", "REP", "ROUTER"), metavar="TYPE", upper=True),
        help="Socket type: DEALER, REP or ROUTER. Default: DEALER for one address to connect "
        "to, ROUTER otherwise.",
        group="Socket",
    )
    reply: str = option(
        Text(metavar="TEMPLATE", any_bytes=True),
        default="Processed: {body}",
        help="Text of the reply; may hold {body}, {n}, {time}, {random}.",
        group="Work",
    )
    echo: bool = option(
        Flag(), default=False, help="Reply with the request as it came.", group="Work"
    )
    exec: str | None = option(
        Text(metavar="COMMAND", any_bytes=True),
        help="Run a shell command for each request: body on its stdin, the reply is its stdout.",
        group="Work",
    )
    exec_timeout: float = option(
        Duration(positive=True),
        default=60.0,
        help="Time the command has before it is killed.",
        group="Work",
    )
    delay: float = option(
        Duration(), default=0.0, help="Work this long on each request.", group="Work"
    )
    jobs: int = option(
        Integer(1, 10_000), default=1, help="Requests worked on at a time.", group="Work"
    )


@dataclass(frozen=True)
class EndpointKind:
    """`types`: the socket types it may have, the default first."""

    name: str
    help: str
    spec: type[Endpoint]
    types: tuple[str, ...]
    verb: str  # bind or connect
    address: str
    # In whole messages for each peer. Publishers and subscribers: P13.
    hwm: int
    word: str = ""  # the option that a word without a flag is for


ENDPOINTS: dict[str, EndpointKind] = {
    kind.name: kind
    for kind in (
        EndpointKind(
            name="pub",
            word="data",
            help="Publish messages.",
            spec=Pub,
            types=("XPUB", "PUB"),
            verb="bind",
            address="tcp://127.0.0.1:5555",
            hwm=10_000,
        ),
        EndpointKind(
            name="sub",
            word="subscribe",
            help="Subscribe, and print what comes.",
            spec=Sub,
            types=("SUB",),
            verb="connect",
            address="tcp://127.0.0.1:5556",
            hwm=10_000,
        ),
        EndpointKind(
            name="push",
            word="data",
            help="Send work; each message goes to one puller.",
            spec=Push,
            types=("PUSH", "DEALER", "PAIR"),
            verb="connect",
            address="tcp://127.0.0.1:5557",
            # At 1000 a pusher of small messages sleeps and wakes four times as often: 1.15 times
            # the CPU. With 64 KiB messages this is 256 MiB for a peer that has stopped reading.
            hwm=4000,
        ),
        EndpointKind(
            name="pull",
            help="Take work, and print it.",
            spec=Pull,
            types=("PULL", "DEALER", "ROUTER", "PAIR"),
            verb="connect",
            address="tcp://127.0.0.1:5558",
            hwm=1000,
        ),
        EndpointKind(
            name="client",
            word="data",
            help="Send requests, and print the replies.",
            spec=Client,
            types=("DEALER",),
            verb="connect",
            address="tcp://127.0.0.1:5555",
            hwm=1000,
        ),
        EndpointKind(
            name="worker",
            help="Answer requests.",
            spec=Worker,
            types=("DEALER", "REP", "ROUTER"),
            verb="connect",
            address="tcp://127.0.0.1:5559",
            hwm=1000,
        ),
    )
}
