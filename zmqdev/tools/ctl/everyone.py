"""`ctl --all`: send one request to every running device and collect the answers."""

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
    """The answer of one device; `error` says why there is no `result`."""

    name: str
    result: Any = None
    error: str | None = None

    def text(self, verb: str) -> str:
        """Return the answer as text, with the name of the device in front."""
        if self.error is not None:
            return f"{self.name}: failed"
        lines = answer(verb, self.result).splitlines()
        if len(lines) == 1:
            return f"{self.name}: {lines[0]}"
        return "\n".join([f"{self.name}:", *(f"  {line}" for line in lines)])


def ask(found: Iterable[Found], verb: str, args: Mapping[str, Any], patience: float) -> Answers:
    """Ask all devices at once, so that one that does not answer does not delay the others."""
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
    """Ask all devices to end, and wait until they have ended."""
    known = list(found)
    with ExitStack() as stack:
        waits: dict[str, Awaited] = {}
        for one in known:
            try:
                waits[one.name] = awaited = Awaited(one.address, patience)
            except RunError:
                continue  # it does not answer, which `ask` reports
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
    """Discard the progress of draining: it is printed only when one device is asked."""
