"""Options of a part beside the others in a file: replicas, restart, order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, make_dataclass
from functools import cache
from typing import Any

from zmqdev.options.endpoint import ENDPOINTS
from zmqdev.options.kind import KINDS
from zmqdev.options.measures import Duration
from zmqdev.options.option import option, section
from zmqdev.options.queue import spec_of
from zmqdev.options.types import Choice, Integer, Many, Text

POLICIES = ("always", "on-failure", "no")
ISOLATIONS = ("process", "thread")
_GROUP = "Parts"


@dataclass(frozen=True)
class RestartPolicy(Choice):
    """When a part restarts. YAML 1.1 reads a bare `no` as false; here it means the word."""

    choices: tuple[str, ...] = POLICIES

    def parse(self, raw: object, *, text: bool) -> str:
        return "no" if raw is False else super().parse(raw, text=text)

    def schema(self) -> dict[str, Any]:
        return {"enum": [*self.choices, False]}


@dataclass(frozen=True)
class Restart:
    """What happens when a part has ended by itself."""

    policy: str = option(
        RestartPolicy(),
        default="on-failure",
        flag="",
        help="When the part starts again. on-failure: after a crash, but not after wrong settings "
        "(exit status 2) or an unmet expectation (3).",
        group=_GROUP,
    )
    delay: float = option(
        Duration(positive=True),
        default=0.2,
        flag="",
        help="Time before the first restart; each further one waits twice as long.",
        group=_GROUP,
    )
    longest_delay: float = option(
        Duration(positive=True),
        default=10.0,
        flag="",
        help="Longest time before a restart. A run longer than this counts as a success.",
        group=_GROUP,
    )
    limit: int = option(
        Integer(0),
        default=10,
        flag="",
        help="Restarts in a row before the part is given up; 0: no limit.",
        group=_GROUP,
    )


@dataclass(frozen=True)
class LifeOptions:
    """Options that only parts of a file have."""

    replicas: int = option(
        Integer(1, 1000),
        default=1,
        flag="",
        help="Number of copies of this part, named NAME-1, NAME-2 and so on; ${REPLICA} is the "
        "number of each.",
        group=_GROUP,
    )
    restart: Restart = section(Restart, help="When the part starts again.", shorthand="policy")
    isolate: str | None = option(
        Choice(choices=ISOLATIONS),
        flag="",
        help="process: a separate process; a crash does not affect the others. thread: a device in "
        "the process of `run`, as inproc addresses need. Default: thread for devices joined by "
        "inproc, otherwise process.",
        group=_GROUP,
    )
    after: tuple[str, ...] = option(
        Many(Text(metavar="NAME")),
        default=(),
        flag="",
        help="Parts that start before this one, besides those whose addresses it connects to.",
        group=_GROUP,
    )
    ignore: tuple[str, ...] = option(
        Many(Text(metavar="RULE")),
        default=(),
        flag="",
        help="Rules of `zmqdev check` to switch off for this part.",
        group=_GROUP,
    )


CATEGORIES: dict[str, Mapping[str, Any]] = {"device": KINDS, "endpoint": ENDPOINTS}


def kinds() -> dict[str, str]:
    """Return {kind: category} in the order of the tables."""
    return {kind: category for category, rows in CATEGORIES.items() for kind in rows}


def own_spec(category: str, kind: str) -> type:
    """Return the spec class of a kind as its command has it."""
    return spec_of(kind) if category == "device" else ENDPOINTS[kind].spec


@cache
def part_spec(category: str, kind: str) -> type:
    """Return the spec class of a kind with the keys of a part added."""
    own = own_spec(category, kind)
    return make_dataclass(f"{own.__name__}Part", [], bases=(own, LifeOptions), frozen=True)
