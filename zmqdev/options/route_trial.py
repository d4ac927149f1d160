"""The tests of routes, tried without a socket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from zmqdev.options.route import RouteTest
from zmqdev.options.routes import Rules
from zmqdev.routing.dry import DryOutcome


class RouteDryRun(Protocol):
    """Routes, or a function, without sockets."""

    def send(self, frames: Sequence[bytes]) -> DryOutcome: ...


@dataclass(frozen=True)
class Trial:
    """One test and what came of it. `place` is file:line:column."""

    number: int
    test: RouteTest
    outcome: DryOutcome
    place: str

    @property
    def passed(self) -> bool:
        return sorted(self.test.to) == sorted(self.outcome.to)

    def words(self) -> str:
        """`eu.1: goes to us, expected eu`"""
        message = " ".join(self.test.message)
        told, expected = ", ".join(self.outcome.to), ", ".join(self.test.to)
        return f"{message}: goes to {told}, expected {expected}"


def try_all(run: RouteDryRun, rules: Rules) -> Iterator[Trial]:
    """The tests in order, one after another: shares and rates count from one to the next."""
    for number, test in enumerate(rules.tests):
        outcome = run.send([frame.encode() for frame in test.message])
        place = rules.written.inside("tests", (number,)) or ""
        yield Trial(number + 1, test, outcome, place)
