"""The cases of a benchmark: one load at one message size, and the targets it compares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zmqdev.errors import UsageError
from zmqdev.options.quantity import format_size
from zmqdev.tools.bench.load import (
    BY_FIELD,
    BY_TOPIC,
    DEFAULT_BETWEEN,
    LOADS,
    Load,
    bounded_window,
)
from zmqdev.tools.bench.options import BenchSpec
from zmqdev.tools.bench.routed import JSON_SIZE


@dataclass(frozen=True)
class Case:
    """One load at one size.

    Times are in seconds, sizes in bytes. With `count` None a sender sends until `time`
    is over. `between` names the targets to compare, `baseline` the one that the others
    are divided by. `jobs` is the number of Majordomo workers in each receiver's
    process.
    """

    load: str
    size: int
    senders: int
    receivers: int
    window: int
    rate: float
    time: float
    count: int | None
    between: tuple[str, ...]
    baseline: str
    jobs: int = 1

    @property
    def kind(self) -> Load:
        """Return the load that this case runs."""
        return LOADS[self.load]

    @property
    def title(self) -> str:
        """Return the title in reports: `pipeline 4KiB`, `request 64 B, 4 x 2`."""
        if self.load == "file":
            return f"file, {self.count:,} lines"
        unit = "" if format_size(self.size)[-1] == "B" else " B"
        alone = self.senders == self.receivers == 1
        peers = "" if alone else f", {self.senders} x {self.receivers}"
        return f"{self.load} {format_size(self.size)}{unit}{peers}"


DEFAULT_LOADS = ("pipeline", "pubsub", "request", "latency")
DEFAULT_LINES = 1_000_000
# With the default two receivers this is enough that a broker never waits for a worker.
JOBS = 16
SPEC = BenchSpec()


def cases(spec: BenchSpec) -> Iterator[Case]:
    """Yield the cases that `spec` asks for, in order.

    Raises UsageError when a target does not fit a load.
    """
    for name in spec.loads or DEFAULT_LOADS:
        load = LOADS[name]
        for size in spec.size or (load.size, *load.more_sizes):
            yield case(load, spec, size)


def case(load: Load, spec: BenchSpec, size: int) -> Case:
    """Build one case; what `spec` leaves open comes from the load."""
    between = compared(load, spec, size)
    return Case(
        load=load.name,
        size=size,
        senders=spec.senders or load.senders,
        receivers=spec.receivers or load.receivers,
        window=bounded_window(spec.window or load.window, size),
        rate=spec.rate,
        time=spec.time,
        count=spec.count or (DEFAULT_LINES if load.name == "file" else None),
        between=between,
        baseline=baseline_of(between, spec.baseline),
        jobs=spec.jobs or (1 if spec.receivers else JOBS),
    )


def compared(load: Load, spec: BenchSpec, size: int) -> tuple[str, ...]:
    """Return the targets to compare: those asked for, or the usual ones that fit the load.

    Raises UsageError when a target that was asked for does not fit.
    """
    for name in spec.between:
        if name not in load.fits:
            fits = ", ".join(load.fits)
            raise UsageError(f"{load.name}: {name} does not fit; what does is {fits}", "--between")
    asked = spec.between or tuple(name for name in usual(load, size) if name in load.fits)
    if spec.reliable and "reliable" in load.fits:
        asked = (*asked, "reliable")
    if spec.frontend is not None:
        asked = (*asked, "device")
    return tuple(dict.fromkeys(asked))


def usual(load: Load, size: int) -> tuple[str, ...]:
    """Return the targets that are compared by default."""
    if load.name == "route":
        return ("native", *(BY_FIELD if size >= JSON_SIZE else BY_TOPIC))
    return ("direct", "native") if load.name == "file" else DEFAULT_BETWEEN


def baseline_of(between: tuple[str, ...], asked: str | None) -> str:
    """Return the target that others are divided by: by default zmq_proxy, else the first.

    Raises UsageError when the target asked for is not compared.
    """
    if asked is not None and between and asked not in between:
        raise UsageError(f"{asked} is not compared here; add --between {asked}", "--baseline")
    if asked is not None:
        return asked
    return next((name for name in ("proxy", *between) if name in between), "")
