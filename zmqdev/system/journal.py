"""Whether the lines of a stream go to the journal of systemd, which knows the time by itself.

It reads a priority in front of each line (sd-daemon(3)), and says in $JOURNAL_STREAM which
file is its own: a stream that was redirected since is another.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

# What `run` tells its parts: their lines go through it to the journal.
THROUGH = "ZMQDEV_PRIORITIES"


def reads(stream: Any, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the journal gets what is written to `stream`, or the lines of a part through
    `run`."""
    if environ.get(THROUGH) == "1":
        return True
    said = environ.get("JOURNAL_STREAM", "")
    try:
        found = os.fstat(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return False
    return said == f"{found.st_dev}:{found.st_ino}"


def for_parts(stream: Any) -> dict[str, str]:
    """What the environment of a part has in addition, whose lines go to `stream`."""
    return {THROUGH: "1"} if reads(stream) else {}


def marked(text: str, priority: int) -> str:
    """Each line with its priority: that of a line without one would be another."""
    return "\n".join(f"<{priority}>{line}" for line in text.split("\n"))
