"""What a worker and a client are asked beside a reliable queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zmqdev.errors import UsageError
from zmqdev.options.layer import Written
from zmqdev.options.option import option
from zmqdev.options.reliable import DEFAULT_SERVICE, GROUP, check_service
from zmqdev.options.types import Choice, Duration, Flag, Integer, Text

# A reliable client sends a request again this often when nothing else was said.
RETRIES = 3


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
        Choice(choices=("mdp-0.1", "mdp-0.2", "plain")),
        default="mdp-0.1",
        help="With --reliable: Majordomo 0.1 or 0.2, or plain requests, which name no service.",
        group=GROUP,
    )
    service: str = option(
        Text(metavar="NAME"),
        default=DEFAULT_SERVICE,
        help="With --reliable: the service asked.",
        group=GROUP,
    )


@dataclass(frozen=True)
class Serving:
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


_OF_RELIABLE = ("protocol", "service", "heartbeat")


def check(spec: Any, written: Written) -> None:
    """UsageError for what contradicts itself."""
    if not isinstance(spec, (Calling, Serving)):
        return
    if not spec.reliable:
        for name in _OF_RELIABLE:
            # Not "was written": a file from --print-config has all keys, at their defaults.
            if getattr(spec, name, None) != getattr(type(spec), name, None):
                why = "this is of the reliable queue; add --reliable"
                raise UsageError(why, _at(name, written))
        return
    if isinstance(spec, Serving):
        _check_worker(spec, written)
    check_service(spec.service, _at("service", written))
    if spec.protocol in ("ppp", "ppp-text", "plain") and spec.service != DEFAULT_SERVICE:
        raise UsageError(
            f"{spec.protocol} names no service; leave it out, or take mdp-0.1",
            _at("service", written),
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
    return RETRIES if spec.reliable and ("retries",) not in written.places else asked
