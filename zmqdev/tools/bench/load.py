"""The loads: a row each. What sends, what receives, what device stands between."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1 << 20
# In flight or prepared at most, so that large messages do not fill the memory.
MOST_BYTES = 16 * MEBIBYTE


@dataclass(frozen=True)
class Load:
    """`sender` and `receiver` are roles of `party.py`; none: it is measured in its own way.

    `kind` is the device that fits, `fits` what can stand between, `window` as in the spec
    (0: none), `measures` the name of the metric that tells most. `more_sizes` are cases of their
    own where no size was asked for.
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

# With a topic in each message, and with JSON.
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
            # A forwarder with the high-water mark of zmqdev loses none of so many in flight.
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
    """So many messages in flight that their bytes stay below MOST_BYTES; 8 at least."""
    return min(window, max(8, MOST_BYTES // size)) if window else 0
