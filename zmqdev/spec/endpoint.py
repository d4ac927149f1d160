"""The endpoints as they were asked for: pub sub push pull client worker."""

from __future__ import annotations

from dataclasses import dataclass

from zmqdev.spec.common import EndpointStats, Logging, Ready
from zmqdev.spec.option import option, section
from zmqdev.spec.side import Side
from zmqdev.spec.value import (
    Address,
    Choice,
    Duration,
    Flag,
    Integer,
    Many,
    Number,
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
        Many(Text(metavar="OPTION=VALUE")),
        default=(),
        help="Set a ZeroMQ socket option, like sndhwm=5000; repeatable.",
        group="Socket",
    )
    name: str | None = option(Text(metavar="NAME"), help="Name shown.", group="Life")
    count: int | None = option(
        Integer(1), short="n", help="End after this many messages.", group="Life"
    )
    timeout: float | None = option(
        Duration(positive=True),
        short="t",
        help="Give up with exit status 3 after this long without a message.",
        group="Life",
    )
    drain: float = option(
        Duration(),
        default=5.0,
        help="How long unsent messages may take to leave at the end.",
        group="Life",
    )
    stats: EndpointStats = section(
        EndpointStats, help="What is shown of the flow.", shorthand="mode"
    )


@dataclass(frozen=True)
class Input:
    """Where messages come from."""

    data: tuple[str, ...] = option(
        Many(Text()),
        default=(),
        short="D",
        help="Message text; may hold {n}, {time}, {random}; repeatable.",
        group="Input",
    )
    file: str | None = option(
        Text(metavar="FILE"),
        short="F",
        help="Read messages from a file; - is stdin.",
        group="Input",
    )
    null: bool = option(
        Flag(), default=False, short="0", help="Messages end with NUL, not newline.", group="Input"
    )
    interval: float | None = option(
        Duration(), short="i", help="Time between two messages.", group="Input"
    )
    rate: float | None = option(Number(), help="Messages a second.", group="Input")


@dataclass(frozen=True)
class Output:
    """How messages are written to stdout."""

    format: str = option(
        Choice(choices=FORMATS), default="text", help="Form of the output.", group="Output"
    )
