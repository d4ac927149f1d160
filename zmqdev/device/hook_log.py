"""Failures of the Python function of the routes, in the log: the first with its traceback, then
one line every ten seconds."""

from __future__ import annotations

import logging
import time

from zmqdev.options.hook_file import HookFile, in_full, in_short, line_of

log = logging.getLogger("zmqdev")
EVERY = 10.0


class HookLog:
    """The failures of one loaded function; used in the data path's thread."""

    def __init__(self, device: str, file: HookFile) -> None:
        self._device, self._file = device, file
        self._traced = False
        self._next = 0.0
        self._unsaid = 0

    def say(self, text: str, error: BaseException | None) -> None:
        """Log a failure, or count it for a later line."""
        now = time.monotonic()
        first = error is not None and not self._traced
        if now < self._next and not first:
            self._unsaid += 1
            return
        self._next = now + EVERY
        more = f" ({self._unsaid} more)" if self._unsaid else ""
        self._unsaid = 0
        log.warning("%s: %s: %s%s", self._device, self._place(error), text, more)
        if first and error is not None:
            self._traced = True
            log.warning("%s: %s", self._device, in_full(error, self._file.path))

    def _place(self, error: BaseException | None) -> str:
        """Return `hook.py:7: ValueError: no number`, or only the name of the file."""
        if error is None:
            return self._file.path
        return f"{line_of(error, self._file.path) or self._file.path}: {in_short(error)}"
