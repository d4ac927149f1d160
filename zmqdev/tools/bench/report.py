"""The result of a bench: frozen, and restored from its JSON."""

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
    """One run. Rates are messages a second, times seconds, memory bytes; None: not measured.

    `sent` is how many messages would have come if none was lost. `cpu` is the device's per
    message, `loop` that without the threads of libzmq, `busy` its part of a core; `idle` its memory
    before the run, `resident` after it. `breaks`: bursts in which a number was missing or in the
    wrong place. `late`: half of the messages were sent no later than this after they were due.
    `window`: how many messages were in flight at most in the end of a pubsub run. `others`: the
    share of the machine that other processes used meanwhile.
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
        return self.sent - self.received


@dataclass(frozen=True)
class CaseRuns:
    """A case and all its runs, in the order in which they ran."""

    case: Case
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Report:
    """`noise` is the bound of the spread above which the machine was too noisy."""

    machine: Machine
    command: str
    noise: float
    cases: tuple[CaseRuns, ...]

    def plain(self) -> dict[str, Any]:
        """The same as JSON can hold."""
        return dataclasses.asdict(self)


def restore(cls: type[T], plain: Any) -> T:
    """The frozen object that `dataclasses.asdict`, and JSON after it, made `plain` of."""
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
