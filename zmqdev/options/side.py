"""The settings of one socket: type, addresses, options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zmqdev.options.option import option
from zmqdev.options.places import Address
from zmqdev.options.security import Security
from zmqdev.options.socktype import BACKENDS, FRONTENDS
from zmqdev.options.types import Choice, Flag, Many, Prefix


@dataclass(frozen=True)
class SocketSide:
    """What has socket options of its own: keys beside the declared ones, from `sockopt`."""

    sockopts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Side(SocketSide, Security):
    bind: tuple[str, ...] = option(
        Many(Address(verb="bind")), default=(), help="Address to bind; repeatable.", group="Sides"
    )
    connect: tuple[str, ...] = option(
        Many(Address(verb="connect")),
        default=(),
        help="Address to connect to; repeatable.",
        group="Sides",
    )

    @property
    def binds(self) -> bool:
        return bool(self.bind)

    @property
    def connects(self) -> bool:
        return bool(self.connect)

    @property
    def largest_frame(self) -> int:
        return int(self.sockopts.get("maxmsgsize", -1))


@dataclass(frozen=True)
class Frontend(Side):
    type: str | None = option(
        Choice(choices=FRONTENDS, metavar="TYPE", upper=True),
        help="Socket type of the frontend.",
        group="Sides",
    )
    subscribe: tuple[bytes, ...] | None = option(
        Many(Prefix()),
        flag="--subscribe",
        help="Prefix a SUB frontend subscribes to; repeatable. Default: everything.",
        group="Sides",
    )


# What is said of a side, a place beside it, or a route, in the same words as a name.
RESERVED = frozenset(
    {"frontend", "backend", "forward", "backward", "capture", "control", "metrics", "drop"}
)


@dataclass(frozen=True)
class Backend(Side):
    type: str | None = option(
        Choice(choices=BACKENDS, metavar="TYPE", upper=True),
        help="Socket type of the backend.",
        group="Sides",
    )
    demand: bool = option(
        Flag(),
        default=False,
        flag="--demand",
        help="streamer: send work on demand, one job for each message of a worker; the backend is "
        "a ROUTER.",
        group="Sides",
    )


AnySide = Frontend | Backend
