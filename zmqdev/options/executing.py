"""Options of `sub|pull --exec`: a command for each message, and where its output goes."""

from __future__ import annotations

from dataclasses import dataclass

from zmqdev.options.measures import Duration
from zmqdev.options.option import option
from zmqdev.options.places import Address
from zmqdev.options.types import Flag, Integer, Many, Text

_GROUP = "Work"


@dataclass(frozen=True)
class Executing:
    """Options of receivers that run a command."""

    exec: str | None = option(
        Text(metavar="COMMAND", any_bytes=True),
        help="Run a shell command for each message, with the body on its stdin, instead of "
        "printing it. Exit status 1 when a command failed.",
        group=_GROUP,
    )
    exec_timeout: float = option(
        Duration(positive=True),
        default=60.0,
        help="Time after which the command is killed.",
        group=_GROUP,
    )
    jobs: int = option(Integer(1, 10_000), default=1, help="Commands run at a time.", group=_GROUP)
    exec_output: bool = option(
        Flag(), default=False, help="Print the output of the command.", group=_GROUP
    )
    push: tuple[str, ...] = option(
        Many(Address(verb="connect")),
        default=(),
        help="Push the output of each command to this address, as one message; repeatable.",
        group=_GROUP,
    )
    pub: tuple[str, ...] = option(
        Many(Address(verb="bind")),
        default=(),
        help="Publish the output of each command at this address, as one message; repeatable.",
        group=_GROUP,
    )
