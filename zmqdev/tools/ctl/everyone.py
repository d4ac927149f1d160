"""`ctl --all`: one question to everything that runs, and all answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from zmqdev.control.client import Asker
from zmqdev.control.ending import Awaited, failure
from zmqdev.control.runtimedir import Found
from zmqdev.errors import RunError
from zmqdev.tools.ctl.answers import answer

Answers = Sequence["Told"]


@dataclass(frozen=True)
class Told:
    """Of one: `error` says why there is no `result`."""

    name: str
    result: Any = None
    error: str | None = None

    def text(self, verb: str) -> str:
        if self.error is not None:
            return f"{self.name}: failed"
        lines = answer(verb, self.result).splitlines()
        if len(lines) == 1:
            return f"{self.name}: {lines[0]}"
        return "\n".join([f"{self.name}:", *(f"  {line}" for line in lines)])


def ask(found: Iterable[Found], verb: str, args: Mapping[str, Any], patience: float) -> Answers:
    """All at once, so that one that does not answer costs the others nothing."""
    known = list(found)
    with Asker() as asker:
        replies = asker.ask_all([one.address for one in known], verb, args, patience)
    told = []
    for one in known:
        reply = replies[one.address]
        if reply is None:
            told.append(Told(one.name, error=f"no answer within {patience:g} s"))
        elif reply.ok:
            told.append(Told(one.name, reply.result))
        else:
            told.append(Told(one.name, error=reply.message))
    return told


def end(found: Iterable[Found], verb: str, args: Mapping[str, Any], patience: float) -> Answers:
    """The same for what ends them, and wait until all have ended."""
    known = list(found)
    with ExitStack() as stack:
        waits: dict[str, Awaited] = {}
        for one in known:
            try:
                waits[one.name] = awaited = Awaited(one.address, patience)
            except RunError:
                continue  # it does not answer, which `ask` says
            stack.callback(awaited.close)
        told = ask(known, verb, args, patience)
        return [_ended(one, waits.get(one.name)) for one in told]


def _ended(told: Told, awaited: Awaited | None) -> Told:
    if told.error is not None or awaited is None:
        return told
    try:
        why = failure(awaited.wait(_unsaid))
    except RunError as error:
        why = str(error)
    return Told(told.name, told.result, why)


def _unsaid(line: str) -> None:
    """What is inside meanwhile is said of one device alone."""
