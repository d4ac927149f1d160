"""The mark of a reply whose command failed at the worker.

Plain requests have no place for a status, and peers may be any programs. So the mark is the text of
the reply: a single frame that begins with `START`.
"""

from __future__ import annotations

from collections.abc import Sequence

START = b"Error: the command "


def failure(what: str) -> bytes:
    """Return the reply of a worker whose command failed; `what` says how."""
    return START + what.encode()


def is_failure(body: Sequence[bytes]) -> bool:
    """Return whether a reply has the mark."""
    return len(body) == 1 and body[0].startswith(START)
