"""What a worker and a client are asked beside a reliable queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zmqdev.errors import UsageError
from zmqdev.options.layer import Written
from zmqdev.options.option import option
from zmqdev.options.reliable import DEFAULT_SERVICE, GROUP, check_service
from zmqdev.options.types import Choice, Duration, Flag, Integer, Scalar, Text

# A reliable client sends a request again this often when nothing else was said.
RETRIES = 3
# Until the reply is there.
FOREVER = 1_000_000_000
# Requests that are posted, or collected, at a time, unless said.
KEPT_WINDOW = 1000
# Requests in flight up to which each has a connection of its own, unless said.
STRICT_WINDOW = 16
# libzmq allows 1023 sockets.
MOST_CONNECTIONS = 1000


@dataclass(frozen=True)
class ReplyCount(Scalar):
    """`3`, or `all`, which is 0."""

    metavar: str = "N|all"

    def parse(self, raw: object, *, text: bool) -> int:
        return 0 if raw == "all" else Integer(1).parse(raw, text=text)

    def plain(self, value: int) -> Any:
        return value or "all"

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"const": "all"}, Integer(1).schema()]}


@dataclass(frozen=True)
class Calling:
    """The client's side."""

    reliable: bool = option(
        Flag(),
        default=False,
        help="Ask a reliable queue: each request has an id, is sent again when no reply came in "
        f"time (--retries {RETRIES} unless said), and a refusal is told.",
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
        help="With --reliable: the service asked.",
        group=GROUP,
    )
    post: bool = option(
        Flag(),
        default=False,
        help="With --reliable: end when the queue has all requests on disk, and print the id of "
        "each; --collect gets the replies.",
        group=GROUP,
    )
    collect: bool = option(
        Flag(),
        default=False,
        help="With --reliable: the input is ids, one a line as --post prints them; print the "
        "replies, and wait for those that are still to come.",
        group=GROUP,
    )
    id: str = option(
        Choice(choices=("auto", "on", "off")),
        default="auto",
        help="Put an id in front of each request's empty frame. off: exactly as REQ or the "
        "protocol has it, with a connection for each request in flight. auto: with --reliable "
        f"on where a queue of zmqdev says so, otherwise off up to --window {STRICT_WINDOW}.",
        group="Requests",
    )


@dataclass(frozen=True)
class ServingOptions:
    """The worker's side."""

    reliable: bool = option(
        Flag(),
        default=False,
        help="Work for a reliable queue: say what is served, send heartbeats while working, "
        "connect again with growing pauses.",
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
        help="With --reliable: time between heartbeats. 0: the protocol's own, 2.5s Majordomo, "
        "1s Paranoid Pirate.",
        group=GROUP,
    )
    crash_after: int | None = option(
        Integer(0),
        help="Answer this many requests, then die on the next one as by kill -9.",
        group="Faults",
    )
    hang_after: int | None = option(
        Integer(0),
        help="Answer this many requests, then stand still on the next one.",
        group="Faults",
    )


def asks(spec: Any) -> bool:
    """Whether a client finds out if the other side takes ids. Only Majordomo can ask."""
    can = spec.reliable and spec.protocol in ("mdp-0.1", "mdp-0.2") and not spec.bind
    return spec.id == "auto" and can and not keeps(spec)


def keeps(spec: Any) -> bool:
    """Whether a client leaves requests with a queue that has a store, or comes for replies."""
    return bool(spec.reliable and (spec.post or spec.collect))


def has_ids(spec: Any) -> bool:
    """Whether a client puts ids on all its requests from the first on.

    A client that binds cannot renew a connection, so it needs them.
    """
    if spec.id != "auto" or spec.bind or keeps(spec):
        return bool(spec.id == "on" or spec.bind or keeps(spec))
    return bool(not asks(spec) and spec.window > STRICT_WINDOW)


_OF_RELIABLE = ("protocol", "service", "heartbeat", "post", "collect")


def check(spec: Any, written: Written) -> None:
    """UsageError for what contradicts itself."""
    if not isinstance(spec, (Calling, ServingOptions)):
        return
    if isinstance(spec, Calling):
        _check_id(spec, written)
    if not spec.reliable:
        for name in _OF_RELIABLE:
            # Not "was written": a file from --print-config has all keys, at their defaults.
            if getattr(spec, name, None) != getattr(type(spec), name, None):
                why = "this is of the reliable queue; add --reliable"
                raise UsageError(why, _at(name, written))
        return
    if isinstance(spec, Calling) and spec.replies != 1:  # type: ignore[attr-defined]
        raise UsageError("a reliable queue gives one reply; leave it out", _at("replies", written))
    if isinstance(spec, ServingOptions):
        _check_worker(spec, written)
    check_service(spec.service, _at("service", written))
    if spec.protocol in ("ppp", "ppp-text", "plain") and spec.service != DEFAULT_SERVICE:
        raise UsageError(
            f"{spec.protocol} names no service; leave it out, or take mdp-0.1",
            _at("service", written),
        )


def _check_id(spec: Any, written: Written) -> None:
    if spec.post and spec.collect:
        raise UsageError(
            "post and collect cannot be given together; collect with the ids that post prints",
            _at("collect", written),
        )
    if keeps(spec) and spec.id == "off":
        raise UsageError("what is kept has an id; leave it out", _at("id", written))
    if spec.id != "off":
        return
    if spec.bind:
        raise UsageError(
            "a client that binds needs ids; connect, or leave it out", _at("id", written)
        )
    if spec.window > MOST_CONNECTIONS:
        raise UsageError(
            f"without ids each request in flight has a connection, and {MOST_CONNECTIONS} is the "
            "most; a smaller --window, or --id on",
            _at("id", written),
        )


def _check_worker(spec: Any, written: Written) -> None:
    # Before the type, which follows from it where none is asked for.
    if spec.bind or len(spec.connect) != 1:
        raise UsageError(
            "a reliable worker connects to one queue; start one worker for each",
            written.place("bind", "connect"),
        )
    if spec.type not in (None, "DEALER"):
        raise UsageError("a reliable worker is a DEALER", _at("type", written))


def _at(name: str, written: Written) -> str:
    return written.place((name,)) or name


def retries_of(spec: Any, written: Written) -> int:
    """How often a client sends a request again."""
    asked: int = spec.retries
    if not spec.reliable or ("retries",) in written.places:
        return asked
    return FOREVER if spec.collect else RETRIES


def window_of(spec: Any, written: Written) -> int:
    """Requests in flight; what is posted waits for the disk, many at a time."""
    asked: int = spec.window
    return KEPT_WINDOW if keeps(spec) and ("window",) not in written.places else asked
