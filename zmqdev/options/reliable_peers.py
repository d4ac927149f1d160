"""Options of clients and workers of a reliable queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zmqdev.options.measures import Duration
from zmqdev.options.option import option
from zmqdev.options.reliable import DEFAULT_SERVICE, GROUP
from zmqdev.options.types import Choice, Flag, Integer, Scalar, Text

# How often a reliable client sends a request again by default.
RETRIES = 3
# Retries of a client that collects: until the reply arrives.
FOREVER = 1_000_000_000
# Requests that are posted, or collected, at a time by default.
KEPT_WINDOW = 1000
# Largest window for which each request gets a separate connection by default.
STRICT_WINDOW = 16
# libzmq allows 1023 sockets in a context.
MOST_CONNECTIONS = 1000


@dataclass(frozen=True)
class ReplyCount(Scalar):
    """A number of replies, or `all`, which is 0."""

    metavar: str = "N|all"

    def parse(self, raw: object, *, text: bool) -> int:
        return 0 if raw == "all" else Integer(1).parse(raw, text=text)

    def plain(self, value: int) -> Any:
        return value or "all"

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"const": "all"}, Integer(1).schema()]}


@dataclass(frozen=True)
class Calling:
    """Options of a client."""

    reliable: bool = option(
        Flag(),
        default=False,
        help="Use a reliable queue: each request has an id and is sent again when no reply comes "
        f"in time (default: --retries {RETRIES}); a refusal is logged.",
        group=GROUP,
    )
    protocol: str = option(
        Choice(choices=("mdp-0.1", "mdp-0.2", "majortomo", "plain")),
        default="mdp-0.1",
        help="With --reliable: Majordomo 0.1, 0.2 or majortomo's form of it, or plain requests, "
        "which name no service.",
        group=GROUP,
    )
    service: str = option(
        Text(metavar="NAME"),
        default=DEFAULT_SERVICE,
        help="With --reliable: the service to ask.",
        group=GROUP,
    )
    post: bool = option(
        Flag(),
        default=False,
        help="With --reliable: print the id of each request, and end when the queue has all of "
        "them on disk; --collect gets the replies.",
        group=GROUP,
    )
    collect: bool = option(
        Flag(),
        default=False,
        help="With --reliable: the input is ids, one a line as --post prints them; print the "
        "replies, and wait for those still to come.",
        group=GROUP,
    )
    id: str = option(
        Choice(choices=("auto", "on", "off")),
        default="auto",
        help="Put an id before the empty frame of each request. off: as REQ or the protocol sends "
        "it, with one connection for each request in flight. auto: with --reliable, on when the "
        f"queue says that it is zmqdev's; otherwise off up to --window {STRICT_WINDOW}.",
        group="Requests",
    )


@dataclass(frozen=True)
class ServingOptions:
    """Options of a worker."""

    reliable: bool = option(
        Flag(),
        default=False,
        help="Work for a reliable queue: announce the service, send heartbeats while working, and "
        "reconnect with growing pauses.",
        group=GROUP,
    )
    protocol: str = option(
        Choice(choices=("mdp-0.1", "mdp-0.2", "majortomo", "ppp", "ppp-text")),
        default="mdp-0.1",
        help="With --reliable: Majordomo 0.1, 0.2 or majortomo's form of it, or Paranoid Pirate "
        "with its bytes or in words.",
        group=GROUP,
    )
    service: str = option(
        Text(metavar="NAME"),
        default=DEFAULT_SERVICE,
        help="With --reliable: the service offered.",
        group=GROUP,
    )
    heartbeat: float = option(
        Duration(),
        default=0.0,
        help="With --reliable: time between heartbeats. 0: the default of the protocol, 2.5s "
        "Majordomo, 1s Paranoid Pirate.",
        group=GROUP,
    )
    crash_after: int | None = option(
        Integer(0),
        help="Answer this many requests, then die at the next one as if killed by kill -9.",
        group="Faults",
    )
    hang_after: int | None = option(
        Integer(0),
        help="Answer this many requests, then hang at the next one.",
        group="Faults",
    )
