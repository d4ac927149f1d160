"""The mark in a reply that says that the worker's command failed.

Plain requests have no place for a status, and the peers may be programs of others: so it is the
text of the reply that says it, one frame that begins with `START`.
"""

from __future__ import annotations

from collections.abc import Sequence

START = b"Error: the command "


def failure(what: str) -> bytes:
    """The reply of a worker whose command ended in that way."""
    return START + what.encode()


def is_failure(body: Sequence[bytes]) -> bool:
    return len(body) == 1 and body[0].startswith(START)
