"""The result of a bench: frozen classes that can be restored from their JSON."""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass
from typing import Any, TypeVar

from zmqdev.tools.bench.case import Case
from zmqdev.tools.bench.machine import Machine

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """One run of one target.

    Rates are in messages a second, times in seconds, memory in bytes; None means not
    measured.

    - `sent`: messages that would have arrived if none was lost.
    - `cpu`: the device's CPU time per message; `loop`: the same without libzmq's
      threads; `busy`: the share of a core that the device used.
    - `idle`, `resident`: the device's memory before and after the run.
    - `breaks`: bursts in which a number was missing or out of order.
    - `late`: half of the messages were sent no later than this after they were due.
    - `window`: the most messages in flight at the end of a pubsub run.
    - `others`: the share of the machine that other processes used meanwhile.
    """

    between: str
    round: int
    rate: float | None = None
    p50: float | None = None
    p99: float | None = None
    p999: float | None = None
    cpu: float | None = None
    loop: float | None = None
    busy: float | None = None
    resident: int | None = None
    idle: int | None = None
    sent: int = 0
    received: int = 0
    breaks: int | None = None
    stalls: int = 0
    window: int | None = None
    late: float | None = None
    others: float | None = None

    @property
    def lost(self) -> int:
        """Return how many messages did not arrive."""
        return self.sent - self.received


@dataclass(frozen=True)
class CaseRuns:
    """A case and all its runs, in the order in which they ran."""

    case: Case
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Report:
    """A whole report. `noise` is the spread above which the machine counts as too noisy."""

    machine: Machine
    command: str
    noise: float
    cases: tuple[CaseRuns, ...]

    def plain(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return dataclasses.asdict(self)


def restore(cls: type[T], plain: Any) -> T:
    """Rebuild the frozen object that `dataclasses.asdict` turned into `plain`."""
    hints = typing.get_type_hints(cls)
    values = {
        item.name: _value(hints[item.name], plain[item.name])
        for item in dataclasses.fields(typing.cast(Any, cls))
    }
    return cls(**values)


def _value(type_: Any, plain: Any) -> Any:
    if typing.get_origin(type_) is tuple:
        inner = typing.get_args(type_)[0]
        return tuple(_value(inner, item) for item in plain)
    if isinstance(type_, types.UnionType) or plain is None:
        return plain
    if isinstance(type_, type) and dataclasses.is_dataclass(type_):
        return restore(type_, plain)
    return plain
