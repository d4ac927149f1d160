"""The settings of endpoints: pub sub push pull client worker req rep dealer router pair.

`ENDPOINTS` lists the settings, socket types and default address of each kind.
"""

from __future__ import annotations

from dataclasses import dataclass

from zmqdev.options.delivery import CheckingOptions, Stamping
from zmqdev.options.endpoint_groups import (
    Endpoint,
    Frames,
    Input,
    PatienceOptions,
    Records,
    ReplayOptions,
    TopicInput,
    WaitPeers,
)
from zmqdev.options.executing import Executing
from zmqdev.options.measures import Duration
from zmqdev.options.option import option
from zmqdev.options.output import Choosing, Printing
from zmqdev.options.reliable_peers import Calling, ReplyCount, ServingOptions
from zmqdev.options.types import Choice, Flag, Integer, IntegerOrAlone, Many, Prefix, Text


@dataclass(frozen=True)
class Pub(TopicInput, Stamping, Records, Frames, ReplayOptions, Input, PatienceOptions, Endpoint):
    """Settings of `pub`."""

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
        Integer(1), help="Begin when there are this many subscriptions.", group="Life"
    )
    no_wait: bool = option(
        Flag(),
        default=False,
        help="Publish at once. Default: a publisher that binds, with text, a file or a pipe as "
        "input and without --interval or --rate, waits for the first subscription.",
        group="Life",
    )
    topic: bytes | None = option(
        Prefix(metavar="TOPIC"),
        short="T",
        help="Put this topic before every message, as a first frame.",
        group="Form",
    )
    on_full: str | None = option(
        Choice(choices=("block", "drop")),
        help="When a subscriber is slow: wait for it, or drop the messages it cannot take. "
        "Default: drop with --interval, --rate or ticks, otherwise block.",
        group="Life",
    )


@dataclass(frozen=True)
class Push(Stamping, Records, Frames, ReplayOptions, Input, WaitPeers, PatienceOptions, Endpoint):
    """Settings of `push`."""

    type: str | None = option(
        Choice(choices=("PUSH", "DEALER", "PAIR"), metavar="TYPE", upper=True),
        help="Socket type: PUSH, DEALER or PAIR. Default: PUSH.",
        group="Socket",
    )
    seed: int | None = option(Integer(0), help="Make {random} repeatable.", group="Input")


@dataclass(frozen=True)
class Sub(Choosing, Executing, CheckingOptions, Records, Frames, PatienceOptions, Endpoint):
    """Settings of `sub`."""

    subscribe: tuple[bytes, ...] = option(
        Many(Prefix()),
        default=(),
        short="s",
        help="Receive messages that begin with this prefix; repeatable. Default: all messages.",
        group="Socket",
    )
    report_topics: bool = option(
        Flag(),
        default=False,
        help="Count messages by topic instead of printing them: a live table on a terminal, and a "
        "table at the end.",
        group="Form",
    )


@dataclass(frozen=True)
class Pull(Choosing, Executing, CheckingOptions, Records, Frames, PatienceOptions, Endpoint):
    """Settings of `pull`."""

    type: str | None = option(
        Choice(choices=("PULL", "DEALER", "ROUTER", "PAIR"), metavar="TYPE", upper=True),
        help="Socket type: PULL, DEALER, ROUTER or PAIR. Default: PULL.",
        group="Socket",
    )
    demand: int | None = option(
        IntegerOrAlone(1, 10_000),
        help="Ask a streamer that sends on demand for this many messages ahead, and for one more "
        "after each one printed; with --count for no more than are wanted. Without N: 1.",
        group="Socket",
    )


@dataclass(frozen=True)
class ClientSpec(
    Printing, Calling, Stamping, Records, Frames, ReplayOptions, Input, WaitPeers, Endpoint
):
    """Settings of `client`."""

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
    replies: int = option(
        ReplyCount(),
        default=1,
        help="Print this many replies of each request, or all. Exit status 3 when fewer came.",
        group="Requests",
    )
    reply_timeout: float = option(
        Duration(positive=True),
        default=0.3,
        help="With --replies: how long to wait for each further reply.",
        group="Requests",
    )
    seed: int | None = option(Integer(0), help="Make {random} repeatable.", group="Input")


@dataclass(frozen=True)
class WorkerSpec(ServingOptions, Frames, PatienceOptions, Endpoint):
    """Settings of `worker`."""

    type: str | None = option(
        Choice(choices=("DEALER", "REP", "ROUTER"), metavar="TYPE", upper=True),
        help="Socket type: DEALER, REP or ROUTER. Default: DEALER for one address to connect "
        "to, ROUTER otherwise.",
        group="Socket",
    )
    reply: str = option(
        Text(metavar="TEMPLATE", any_bytes=True),
        default="Processed: {body}",
        help="Text of the reply; may contain {body}, {n}, {time}, {random}.",
        group="Work",
    )
    echo: bool = option(
        Flag(), default=False, help="Reply with the request as it came.", group="Work"
    )
    exec: str | None = option(
        Text(metavar="COMMAND", any_bytes=True),
        help="Run a shell command for each request: its stdin is the body, its stdout the reply.",
        group="Work",
    )
    exec_timeout: float = option(
        Duration(positive=True),
        default=60.0,
        help="Time after which the command is killed.",
        group="Work",
    )
    delay: float = option(
        Duration(), default=0.0, help="Work this long on each request.", group="Work"
    )
    jobs: int = option(
        Integer(1, 10_000), default=1, help="Requests worked on at a time.", group="Work"
    )


@dataclass(frozen=True)
class Dialogue(Printing, Records, Frames, Input, WaitPeers, PatienceOptions, Endpoint):
    """Settings of req and rep: input is sent, messages are printed."""

    seed: int | None = option(Integer(0), help="Make {random} repeatable.", group="Input")


@dataclass(frozen=True)
class Talk(Dialogue):
    """Settings of dealer, router and pair, which send and receive at any time."""

    reply_timeout: float = option(
        Duration(positive=True),
        default=1.0,
        help="After the end of the input, end when nothing has come for this long; -n and -t "
        "replace it.",
        group="Life",
    )


AnyEndpoint = Pub | Push | Sub | Pull | ClientSpec | WorkerSpec | Dialogue
"""The settings of any endpoint."""
Sending = Pub | Push | ClientSpec | Dialogue
"""The settings of an endpoint that has an input."""
Receiving = Sub | Pull


@dataclass(frozen=True)
class EndpointKind:
    """A kind of endpoint. `types` are its socket types, the default first.

    `sends`: whether messages or requests come from it; None when both directions are
    alike.
    """

    name: str
    help: str
    spec: type[AnyEndpoint]
    types: tuple[str, ...]
    verb: str  # bind or connect
    address: str
    # In whole messages for each peer. As with a forwarder, publishers and subscribers
    # need 10,000.
    hwm: int
    word: str = ""  # the option that a word without a flag belongs to
    sends: bool | None = False

    @property
    def digits_are_text(self) -> bool:
        """Whether digits alone are text; endpoints that talk both ways take them for a port."""
        return self.word == "data" and self.sends is not None


ENDPOINTS: dict[str, EndpointKind] = {
    kind.name: kind
    for kind in (
        EndpointKind(
            name="pub",
            word="data",
            sends=True,
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
            sends=True,
            help="Send work; each message goes to one puller.",
            spec=Push,
            types=("PUSH", "DEALER", "PAIR"),
            verb="connect",
            address="tcp://127.0.0.1:5557",
            # At 1000 a pusher of small messages sleeps and wakes four times as often,
            # which costs 1.15 times the CPU time. With 64 KiB messages this is 256 MiB
            # for a peer that does not read.
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
            sends=True,
            help="Send requests, and print the replies.",
            spec=ClientSpec,
            types=("DEALER",),
            verb="connect",
            address="tcp://127.0.0.1:5555",
            hwm=1000,
        ),
        EndpointKind(
            name="worker",
            help="Answer requests.",
            spec=WorkerSpec,
            types=("DEALER", "REP", "ROUTER"),
            verb="connect",
            address="tcp://127.0.0.1:5559",
            hwm=1000,
        ),
        EndpointKind(
            name="req",
            word="data",
            sends=True,
            help="Send requests in turn, and print each reply.",
            spec=Dialogue,
            types=("REQ",),
            verb="connect",
            address="tcp://127.0.0.1:5555",
            hwm=1000,
        ),
        EndpointKind(
            name="rep",
            word="data",
            sends=False,
            help="Print requests, and answer each with the next line.",
            spec=Dialogue,
            types=("REP",),
            verb="connect",
            address="tcp://127.0.0.1:5559",
            hwm=1000,
        ),
        EndpointKind(
            name="dealer",
            word="data",
            sends=None,
            help="Send messages, and print what comes.",
            spec=Talk,
            types=("DEALER",),
            verb="connect",
            address="tcp://127.0.0.1:5555",
            hwm=1000,
        ),
        EndpointKind(
            name="router",
            word="data",
            sends=None,
            help="Print messages with their sender, and send to a peer by name.",
            spec=Talk,
            types=("ROUTER",),
            verb="bind",
            address="tcp://127.0.0.1:5555",
            hwm=1000,
        ),
        EndpointKind(
            name="pair",
            word="data",
            sends=None,
            help="Talk to one peer: a chat on a terminal.",
            spec=Talk,
            types=("PAIR",),
            verb="connect",
            address="tcp://127.0.0.1:5560",
            hwm=1000,
        ),
    )
}
