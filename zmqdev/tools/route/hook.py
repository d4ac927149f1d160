"""A Python route function, tried without sockets: one message a call."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from zmqdev.options.hook_file import HookFile, in_full
from zmqdev.relay.hook import Hook
from zmqdev.relay.pump import pump_nothing
from zmqdev.routing.dry import DROP, DryOutcome


class AnyName(dict[str, int]):
    """The backends of a device that is not known: every name that the function uses."""

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str):
            self.setdefault(name, len(self))
        return isinstance(name, str)


class DryHook:
    """Runs a route function on single messages.

    `backends` None accepts any name. Failures go to stderr with a traceback.
    """

    def __init__(self, file: HookFile, backends: Sequence[str] | None) -> None:
        self._name = file.path
        known = {name: at for at, name in enumerate(backends or ())}
        self._names = AnyName() if backends is None else known
        self._hook = Hook(file.load(), self._names, self._say)

    @property
    def failed(self) -> int:
        """Return how many calls have failed."""
        return self._hook.failed

    def send(self, frames: Sequence[bytes]) -> DryOutcome:
        """Route one message."""
        to = self._call([list(frames)])
        return DryOutcome(to or (DROP,), (self._name,) if to else ())

    def end(self) -> DryOutcome | None:
        """Call the function with no message, as at the end; None when it yields nothing."""
        to = self._call([])
        return DryOutcome(to, (self._name,)) if to else None

    def _call(self, messages: Sequence[list[bytes]]) -> tuple[str, ...]:
        self._hook.begin(messages)
        to = []
        while self._hook.busy:
            found = self._hook.step(pump_nothing, (), 1, None, None).found
            if found is not None:
                to.append(list(self._names)[found[0]])
        return tuple(to)

    def _say(self, text: str, error: BaseException | None) -> None:
        if error is not None:
            sys.stderr.write(f"{in_full(error, self._name)}\n")
        sys.stderr.write(f"{self._name}: {text}\n")
