"""The verbs of a running file at its control socket, declared as a table."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import zmqdev
from zmqdev.control.protocol import Argument, Refused, Verb
from zmqdev.errors import UsageError
from zmqdev.options.types import Choice, Text

if TYPE_CHECKING:  # keeps `zmqdev ctl --help` from importing zmq
    from zmqdev.supervisor.member import Member
    from zmqdev.supervisor.supervisor import Fleet


@dataclass
class SteeredRun:
    """What the verbs act on: the fleet, its name in `ctl`, and its start in monotonic seconds."""

    name: str
    address: str
    fleet: Fleet
    since: float


def status(on: SteeredRun) -> dict[str, Any]:
    """Return a status in the form of a device's, so that lists show both alike."""
    from zmqdev.relay import NATIVE

    now = time.monotonic()
    parts = [asdict(state) for state in on.fleet.shown()]
    return {
        "name": on.name,
        "kind": "parts",
        "state": "draining" if on.fleet.stopping else "running",
        "at": now,
        "uptime": now - on.since,
        "sides": [],
        "flows": [],
        "details": {"parts": parts},
        "control": {"name": on.name, "address": on.address, "tapped": False},
        "process": {
            "pid": os.getpid(),
            "version": zmqdev.__version__,
            "relay": "native" if NATIVE else "python",
        },
    }


def stop(on: SteeredRun, when: str = "drained") -> dict[str, Any]:
    """Stop everything, drained or at once."""
    on.fleet.stop()
    if when == "now":
        on.fleet.stop()
    return {"when": when}


def _members(on: SteeredRun, name: str) -> list[Member]:
    if on.fleet.stopping:
        raise Refused("refused", f"{on.name} is stopping")
    found = on.fleet.named(name)
    if not found:
        known = ", ".join(on.fleet.members)
        raise Refused("bad-argument", f"name: no part {name[:40]!r}; known are {known}")
    return found


def start_part(on: SteeredRun, name: str) -> dict[str, Any]:
    """Start parts that have ended."""
    found = _members(on, name)
    for member in found:
        member.start()
    return {"started": [member.name for member in found]}


def stop_part(on: SteeredRun, name: str) -> dict[str, Any]:
    """Stop parts; they do not restart."""
    found = _members(on, name)
    for member in found:
        member.stop()
    return {"stopped": [member.name for member in found]}


def restart_part(on: SteeredRun, name: str) -> dict[str, Any]:
    """Stop parts and start them again."""
    found = _members(on, name)
    for member in found:
        on.fleet.restart(member)
    return {"restarted": [member.name for member in found]}


def reload(on: SteeredRun) -> dict[str, Any]:
    """Read the files again and return what has changed."""
    try:
        found = on.fleet.read_again()
    except UsageError as error:
        raise Refused("refused", f"{error}; nothing has changed") from None
    if found is None:
        raise Refused("refused", f"{on.name} is stopping")
    return {
        "added": found.added,
        "removed": found.removed,
        "changed": found.changed,
        "reloaded": found.reloaded,
        "left": found.left,
        "set": tuple(found.set),
    }


_NAME = Argument("name", Text(metavar="NAME"), "a part, or all replicas of one")
_WHEN = Argument("when", Choice(choices=("drained", "now")), "drained or now", required=False)

VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb("status", "The state of every part.", status),
        Verb("start-part", "Start a part that has ended.", start_part, (_NAME,), changes=True),
        Verb(
            "stop-part", "Stop a part; it does not start again.", stop_part, (_NAME,), changes=True
        ),
        Verb("restart-part", "Stop a part and start it again.", restart_part, (_NAME,), True),
        Verb("reload", "Read the files again, as SIGHUP does.", reload, changes=True),
        Verb("stop", "Stop all parts.", stop, (_WHEN,), changes=True),
    )
}
