"""The loads, declared as a table: sender, receiver and the kind of device between them."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1 << 20
# Limit of the bytes in flight or prepared, so that large messages do not fill the
# memory.
MOST_BYTES = 16 * MEBIBYTE


@dataclass(frozen=True)
class Load:
    """One load.

    `sender` and `receiver` are roles of `party.py`, empty for a load that is measured
    in another way. `kind` is the kind of device that fits, `fits` lists the targets
    that can be measured, `window` is as in the options (0: none), `measures` names the
    metric that says most. `more_sizes` are further cases when no size was asked for.
    """

    name: str
    help: str
    kind: str
    sender: str
    receiver: str
    measures: str
    fits: tuple[str, ...]
    size: int = 16
    more_sizes: tuple[int, ...] = ()
    senders: int = 1
    receivers: int = 1
    window: int = 0


_ALWAYS = ("direct", "proxy", "tuned", "native", "silent", "asked", "python", "device")

# For messages with topics, and for JSON messages.
BY_TOPIC = ("ten", "thousand", "function", "stalled-drop", "stalled-next", "blocked")
BY_FIELD = ("field", "four-fields", "function")
ROUTED = tuple(dict.fromkeys((*BY_TOPIC, *BY_FIELD)))

LOADS = {
    load.name: load
    for load in (
        Load(
            "pipeline",
            "PUSH, a streamer, PULL: as fast as it goes",
            "streamer",
            "pusher",
            "puller",
            "rate",
            _ALWAYS,
        ),
        Load(
            "pubsub",
            "PUB, a forwarder, SUB: as fast as it goes with so many in flight",
            "forwarder",
            "publisher",
            "subscriber",
            "rate",
            (*_ALWAYS, "block"),
            # With zmqdev's high-water mark a forwarder loses nothing of this many in
            # flight.
            window=4000,
        ),
        Load(
            "request",
            "DEALER clients with a window, a queue, workers that echo",
            "queue",
            "client",
            "worker",
            "rate",
            (*_ALWAYS, "reliable"),
            size=64,
            senders=4,
            receivers=2,
            window=100,
        ),
        Load(
            "latency",
            "PUSH at a fixed rate, a streamer, PULL: from when it was due until it came",
            "streamer",
            "ticker",
            "clock",
            "p50",
            _ALWAYS,
        ),
        Load(
            "route",
            "PUSH, a streamer with routes, PULL at every backend, compared with one without routes",
            "streamer",
            "route pusher",
            "route puller",
            "rate",
            ("native", "python", *ROUTED, "device"),
            more_sizes=(1024,),
        ),
        Load(
            "file",
            "`zmqdev push -F` a file of lines, `zmqdev pull` to a file, and compare them",
            "streamer",
            "",
            "",
            "rate",
            ("direct", "native", "silent", "python"),
        ),
    )
}

DEFAULT_BETWEEN = ("direct", "proxy", "native", "python")


def bounded_window(window: int, size: int) -> int:
    """Reduce `window` so that the bytes in flight stay below MOST_BYTES, but not below
    8 messages."""
    return min(window, max(8, MOST_BYTES // size)) if window else 0
