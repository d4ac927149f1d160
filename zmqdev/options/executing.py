"""A command for each message: `sub|pull --exec`, and where its output goes."""

from __future__ import annotations

from dataclasses import dataclass

from zmqdev.options.measures import Duration
from zmqdev.options.option import option
from zmqdev.options.places import Address
from zmqdev.options.types import Flag, Integer, Many, Text

_GROUP = "Work"


@dataclass(frozen=True)
class Executing:
    """Options of receivers."""

    exec: str | None = option(
        Text(metavar="COMMAND", any_bytes=True),
        help="Run a shell command for each message, body on its stdin, instead of printing it. "
        "Exit status 1 when one failed.",
        group=_GROUP,
    )
    exec_timeout: float = option(
        Duration(positive=True),
        default=60.0,
        help="Time the command has before it is killed.",
        group=_GROUP,
    )
    jobs: int = option(Integer(1, 10_000), default=1, help="Commands run at a time.", group=_GROUP)
    exec_output: bool = option(
        Flag(), default=False, help="Pass the stdout of the command on.", group=_GROUP
    )
    push: tuple[str, ...] = option(
        Many(Address(verb="connect")),
        default=(),
        help="Push the output of the command to this address, a message each; repeatable.",
        group=_GROUP,
    )
    pub: tuple[str, ...] = option(
        Many(Address(verb="bind")),
        default=(),
        help="Publish the output of the command at this address, a message each; repeatable.",
        group=_GROUP,
    )
