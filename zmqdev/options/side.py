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
    """Something with socket options, which are keys beside the declared ones; see `sockopt`."""

    sockopts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Side(SocketSide, Security):
    """A socket: its addresses and its security."""

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
        """Whether it has an address to bind."""
        return bool(self.bind)

    @property
    def connects(self) -> bool:
        """Whether it has an address to connect to."""
        return bool(self.connect)

    @property
    def largest_frame(self) -> int:
        """Return the largest frame in bytes; -1: no limit."""
        return int(self.sockopts.get("maxmsgsize", -1))


@dataclass(frozen=True)
class Frontend(Side):
    """The side of a device that receives from producers or clients."""

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


# Words with another meaning where sides, their addresses or routes are named.
RESERVED = frozenset(
    {"frontend", "backend", "forward", "backward", "capture", "control", "metrics", "drop"}
)


@dataclass(frozen=True)
class Backend(Side):
    """The side of a device that sends to consumers or workers."""

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
