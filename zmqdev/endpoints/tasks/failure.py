"""The mark in a reply that says that the worker's command failed.

Plain requests have no place for a status, and the peers may be any programs. So the text of the
reply says it: one frame that begins with `START`.
"""

from __future__ import annotations

from collections.abc import Sequence

START = b"Error: the command "


def failure(what: str) -> bytes:
    """The reply of a worker whose command failed in that way."""
    return START + what.encode()


def is_failure(body: Sequence[bytes]) -> bool:
    """Whether a reply has the mark."""
    return len(body) == 1 and body[0].startswith(START)
