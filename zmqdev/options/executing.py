"""A command for each message: `sub|pull --exec`, and where its output goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zmqdev.errors import UsageError
from zmqdev.options import delivery
from zmqdev.options.layer import Written
from zmqdev.options.option import option
from zmqdev.options.security_check import mechanism
from zmqdev.options.types import Address, Duration, Flag, Integer, Many, Text

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


_WITH_EXEC = ("exec_timeout", "jobs", "exec_output", "push", "pub")


def check(spec: Any, written: Written) -> None:
    """Refuse what contradicts itself."""
    if isinstance(spec, Executing):
        _check(spec, written)


def _check(spec: Any, written: Written) -> None:
    if spec.exec is None:
        for name in _WITH_EXEC:
            # Not "was written": a file from --print-config has all keys, at their defaults.
            if getattr(spec, name) != getattr(Executing, name):
                key = name.replace("_", "-")
                raise UsageError(f"{key} needs --exec COMMAND", written.place((key,)) or None)
        return
    if delivery.checks(spec):
        raise UsageError(
            "exec and check cannot be given together; run two programs", written.place("exec")
        )
    if (spec.push or spec.pub) and mechanism(spec) != "null":
        raise UsageError(
            "push and pub have no encryption; pipe --exec-output into `zmqdev push`",
            written.place("push", "pub"),
        )
