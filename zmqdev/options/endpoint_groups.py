"""Options of endpoints in groups; `options.endpoint` combines them for each kind.

All endpoints have a socket and a lifetime, senders have an input, receivers an output.
"""

from __future__ import annotations

from dataclasses import dataclass

from zmqdev.options.common import Crowd, EndpointStats, Logging, Ready, Threads
from zmqdev.options.measures import Duration, Size, Speed
from zmqdev.options.option import option, section
from zmqdev.options.places import NOTHING, Address, FileName
from zmqdev.options.separator import Separator
from zmqdev.options.side import Side
from zmqdev.options.types import Choice, Flag, Integer, Many, Number, Text

FORMATS = ("text", "raw", "quoted", "hex", "json", "csv")


@dataclass(frozen=True)
class Endpoint(Side, Threads, Logging, Ready):
    """Options of all endpoints. Options of the only socket are keys of the top level."""

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
        help="Time that unsent messages may take to leave at the end.",
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
        help="Separator of the frames of a message, like '|' or '\\t': input is split at it, "
        "output joined with it. Default: input is one frame, output is joined with a blank.",
        group="Form",
    )


@dataclass(frozen=True)
class Records:
    """How messages are written in a stream of bytes, in or out."""

    format: str = option(
        Choice(choices=FORMATS),
        default="text",
        help="Format of input and output: lines of text, raw bytes (all input is one message, "
        "nothing is added to output), quoted, hex, JSON lines, or CSV.",
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
class TopicInput:
    """Where the topic is in a record of input."""

    topic_column: int | None = option(
        Integer(1),
        help="The topic is in this column of each record: it becomes the first frame, the other "
        "columns follow. For CSV, JSON, quoted, hex, or text with --frames.",
        group="Form",
    )
    topic_separator: bytes | None = option(
        Separator(),
        short="K",
        help="The topic of each line is the text before the first SEP; the rest is the message.",
        group="Form",
    )


@dataclass(frozen=True)
class Input:
    """Where messages come from, and when they are sent."""

    data: tuple[str, ...] = option(
        Many(Text(any_bytes=True)),
        default=(),
        short="D",
        help="Text of a message; may contain {n}, {time}, {random}; repeatable.",
        group="Input",
    )
    file: tuple[str, ...] = option(
        Many(FileName(change=NOTHING)),
        default=(),
        short="F",
        help="Read messages from a file; - is stdin; repeatable, one after the other. Default: "
        "stdin when it is a pipe or file.",
        group="Input",
    )
    size: int | None = option(
        Size(), help="Send messages of this many random bytes, like 1KiB.", group="Input"
    )
    interval: float | None = option(
        Duration(positive=True), short="i", help="Time between two messages.", group="Input"
    )
    jitter: float | None = option(
        Duration(positive=True),
        help="With --interval: vary each pause at random by up to this much.",
        group="Input",
    )
    rate: float | None = option(Number(), help="Messages a second, evenly spaced.", group="Input")


@dataclass(frozen=True)
class ReplayOptions:
    """Sending recorded messages at their recorded times."""

    replay: float | None = option(
        Speed(),
        help="Send JSON lines at the times recorded in them: at the original speed, this many "
        "times as fast, or as fast as possible.",
        group="Input",
    )


@dataclass(frozen=True)
class WaitPeers:
    """Starting when peers are connected."""

    wait_peers: int | None = option(
        Integer(1), help="Begin when this many peers are connected.", group="Life"
    )


@dataclass(frozen=True)
class PatienceOptions:
    """The `timeout` of all endpoints except the client, which has one for each request."""

    timeout: float | None = option(
        Duration(positive=True),
        short="t",
        help="Longest wait for a peer, a message or room to send. Exit status 3 when --count "
        "was not reached, or nothing came at all.",
        group="Life",
    )
