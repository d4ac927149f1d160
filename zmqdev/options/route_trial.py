"""The tests of routes, run without sockets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from zmqdev.options.route import RouteTest
from zmqdev.options.routes import Rules
from zmqdev.routing.dry import DryOutcome


class RouteDryRun(Protocol):
    """What runs the tests: routes, or a function, without sockets."""

    def send(self, frames: Sequence[bytes]) -> DryOutcome:
        """Route one message."""
        ...


@dataclass(frozen=True)
class Trial:
    """One test and its outcome. `place` is file:line:column."""

    number: int
    test: RouteTest
    outcome: DryOutcome
    place: str

    @property
    def passed(self) -> bool:
        """Whether the message goes where the test says."""
        return sorted(self.test.to) == sorted(self.outcome.to)

    def words(self) -> str:
        """Return the failure as text: `eu.1: goes to us, expected eu`."""
        message = " ".join(self.test.message)
        told, expected = ", ".join(self.outcome.to), ", ".join(self.test.to)
        return f"{message}: goes to {told}, expected {expected}"


def try_all(run: RouteDryRun, rules: Rules) -> Iterator[Trial]:
    """Yield the trials in order. Shares and rates continue from one test to the next."""
    for number, test in enumerate(rules.tests):
        outcome = run.send([frame.encode() for frame in test.message])
        place = rules.written.inside("tests", (number,)) or ""
        yield Trial(number + 1, test, outcome, place)
