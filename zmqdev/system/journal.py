"""Whether the lines of a stream go to the journal of systemd, which adds the time itself.

The journal reads a priority in front of each line (sd-daemon(3)). $JOURNAL_STREAM
identifies its stream, so a redirected stream is recognised as another one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

# Tells parts of `run` that their lines go through it to the journal.
THROUGH = "ZMQDEV_PRIORITIES"


def reads(stream: Any, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether `stream` goes to the journal, directly or through `run`."""
    if environ.get(THROUGH) == "1":
        return True
    said = environ.get("JOURNAL_STREAM", "")
    try:
        found = os.fstat(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return False
    return said == f"{found.st_dev}:{found.st_ino}"


def for_parts(stream: Any) -> dict[str, str]:
    """Return the additional environment of parts, whose lines go to `stream`."""
    return {THROUGH: "1"} if reads(stream) else {}


def marked(text: str, priority: int) -> str:
    """Put the priority before each line; a line without one would get another."""
    return "\n".join(f"<{priority}>{line}" for line in text.split("\n"))
