"""The error classes and their exit statuses.

A user's mistake is one line that names the thing, the place and the fix. A peer's mistake is
counted, and the program goes on. A bug is a traceback, and so none of these classes.
"""

from __future__ import annotations

import os

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNMET = 3


class ZmqdevError(Exception):
    """An error that is shown to the user as one line. `exit_status` is the program's."""

    exit_status = EXIT_FAILED


class RunError(ZmqdevError):
    """Something failed while running, or could not be started."""


class UsageError(ZmqdevError):
    """A wrong flag, key, value or combination. `place` says where it was written.

    `place` is `--flag`, `ZMQDEV_QUEUE_SET`, or `file:line:column`.
    """

    exit_status = EXIT_USAGE

    def __init__(self, message: str, place: str | None = None) -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.message = message
        self.place = place


class Unmet(ZmqdevError):
    """An expectation was not met: a timeout before the count, an `--expect` missed."""

    exit_status = EXIT_UNMET


def in_words(error: OSError) -> str:
    """Return the system's text for an error, in lower case for the middle of a line."""
    return os.strerror(error.errno or 0).lower()


class Unchangeable(Exception):
    """A setting that a running device does not have, or cannot change; the text says why."""
