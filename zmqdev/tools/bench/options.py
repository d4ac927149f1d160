"""The options of `zmqdev bench`. This module does no I/O."""

from __future__ import annotations

from dataclasses import dataclass

from zmqdev.errors import UsageError
from zmqdev.options.layer import Written
from zmqdev.options.measures import Duration, Size
from zmqdev.options.option import option
from zmqdev.options.places import Address
from zmqdev.options.types import Choice, Flag, Integer, Many, Number, Text

LOADS = ("pipeline", "pubsub", "request", "latency", "route", "file")
"""The loads; `load.py` describes each."""
BETWEEN = (
    "direct",
    "proxy",
    "tuned",
    "native",
    "silent",
    "asked",
    "python",
    "block",
    "reliable",
    "ten",
    "thousand",
    "field",
    "four-fields",
    "function",
    "stalled-drop",
    "stalled-next",
    "blocked",
    "device",
)
"""The targets to compare; `targets.py` describes each."""
# Each message carries its number, or the time at which it was due: 8 bytes.
LEAST_SIZE = 8


@dataclass(frozen=True)
class MessageSize(Size):
    """The size of a message, at least 8 bytes."""

    def parse(self, raw: object, *, text: bool) -> int:
        """Parse a size; raises ValueError when it is too small for the message's number."""
        size = super().parse(raw, text=text)
        if size < LEAST_SIZE:
            raise ValueError(f"{size} is too small; a message has {LEAST_SIZE} bytes at least")
        return size


@dataclass(frozen=True)
class BenchSpec:
    """The options. What is not given comes from the load."""

    loads: tuple[str, ...] = option(
        Many(Choice(choices=LOADS)), default=(), flag="", help="The loads, in this order."
    )
    between: tuple[str, ...] = option(
        Many(Choice(choices=BETWEEN, metavar="NAME")),
        default=(),
        help=f"Systems to put between senders and receivers: {', '.join(BETWEEN)}; repeatable. "
        "Default: direct, proxy, native, python.",
        group="What is compared",
    )
    baseline: str | None = option(
        Choice(choices=BETWEEN, metavar="NAME"),
        help="Compare the others with this one. Default: proxy, else the first one.",
        group="What is compared",
    )
    reliable: bool = option(
        Flag(),
        default=False,
        help="request: also compare the reliable queue with Majordomo workers.",
        group="What is compared",
    )
    frontend: str | None = option(
        Address(verb="connect"),
        help="Address where senders connect to a running device; with --backend.",
        group="What is compared",
    )
    backend: str | None = option(
        Address(verb="connect"),
        help="Address where receivers connect to it.",
        group="What is compared",
    )
    senders_bind: bool = option(
        Flag(),
        default=False,
        help="Bind --frontend, for a running device that connects to its senders.",
        group="What is compared",
    )
    majordomo: bool = option(
        Flag(),
        default=False,
        help="request: the running device is a Majordomo broker; its clients and workers speak "
        "Majordomo 0.1, service `default`.",
        group="What is compared",
    )
    pid: int | None = option(
        Integer(1),
        help="Process of the running device, to measure its CPU time and memory.",
        group="What is compared",
    )
    size: tuple[int, ...] = option(
        Many(MessageSize()), default=(), help="Bytes of a message; repeatable.", group="Load"
    )
    senders: int | None = option(
        Integer(1, 1000), help="Pushers, publishers or clients.", group="Load"
    )
    receivers: int | None = option(
        Integer(1, 1000), help="Pullers, subscribers or workers.", group="Load"
    )
    window: int | None = option(
        Integer(1, 1_000_000),
        help="pubsub: most messages in flight. request: open requests of a client.",
        group="Load",
    )
    jobs: int | None = option(
        Integer(1, 1000),
        help="request: Majordomo workers in the process of each receiver, since the protocol gives "
        "each one request at a time. Default: 16, and 1 where --receivers says how many.",
        group="Load",
    )
    rate: float = option(Number(), default=10_000, help="latency: messages a second.", group="Load")
    time: float = option(
        Duration(positive=True),
        default=1.0,
        help="How long each run sends; --count ends it earlier.",
        group="Load",
    )
    count: int | None = option(
        Integer(1), help="Messages of each sender in a run; for the load file, lines.", group="Load"
    )
    rounds: int = option(Integer(1, 1000), default=5, help="Runs of each, in turn.", group="Load")
    noise: float = option(
        Number(),
        default=0.25,
        help="Spread of the repeated baseline runs, (largest - smallest) / median, above which "
        "the machine counts as too noisy.",
        group="Load",
    )
    standard: bool = option(
        Flag(), default=False, help="Run the standard set of loads and sizes.", group="Load"
    )
    json: bool = option(
        Flag(), default=False, help="Print the report as JSON, with every run.", group="Output"
    )
    svg: str | None = option(
        Text(metavar="FILE"), help="Draw the report as an SVG chart.", group="Output"
    )
    markdown: str | None = option(
        Text(metavar="FILE"), help="Write the report as a Markdown table.", group="Output"
    )
    quiet: bool = option(
        Flag(), default=False, short="q", help="No progress on stderr.", group="Output"
    )


def resolve(spec: BenchSpec, written: Written) -> BenchSpec:
    """Return `spec` after checking that its options fit together.

    Raises UsageError that names the place of the offending option.
    """
    if (spec.frontend is None) != (spec.backend is None):
        one = "frontend" if spec.frontend is None else "backend"
        raise UsageError(
            f"a running device has two sides; add --{one} ADDRESS",
            written.place("frontend", "backend"),
        )
    _check_device(spec, written)
    _check_loads(spec, written)
    return spec


def _check_device(spec: BenchSpec, written: Written) -> None:
    if spec.frontend is None:
        for key in ("pid", "senders-bind", "majordomo"):
            if key in {path[0] for path in written.places}:
                raise UsageError(
                    "this is about a running device; add --frontend and --backend",
                    written.place(key),
                )
        if "device" in spec.between or spec.baseline == "device":
            raise UsageError(
                "say where the device is with --frontend and --backend",
                written.place("between", "baseline"),
            )
    elif spec.senders_bind and (spec.senders or 1) > 1:
        raise UsageError("one sender can bind an address", written.place("senders"))


def _check_loads(spec: BenchSpec, written: Written) -> None:
    if spec.standard and (spec.loads or spec.frontend):
        raise UsageError("takes no other case options", written.place("standard"))
    if spec.frontend is not None and len(spec.loads) != 1:
        raise UsageError(
            "name the one load that fits the running device, like `zmqdev bench pipeline`",
            written.place("frontend"),
        )
    if spec.majordomo and spec.loads != ("request",):
        raise UsageError(
            "a Majordomo broker answers requests; name the load `request`",
            written.place("majordomo"),
        )
    if spec.reliable and "request" not in (spec.loads or LOADS):
        raise UsageError(
            "the reliable queue answers requests; add the load `request`",
            written.place("reliable"),
        )
    if "pubsub" in spec.loads and (spec.senders or 1) > 1:
        raise UsageError(
            "pubsub has one publisher: its subscribers tell it what has come",
            written.place("senders"),
        )
