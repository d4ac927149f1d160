"""Objects over a pipe: pickles with their length in front.

Both ends are this program, and nobody else writes to the pipe. Nothing is read
ahead, so `poll` on the descriptor tells the truth.
"""

from __future__ import annotations

import os
import pickle
import struct
from typing import Any

_LENGTH = struct.Struct("!I")


class Closed(Exception):
    """The other end is gone."""


def write(descriptor: int, thing: Any) -> None:
    """Raises Closed when nobody reads any more."""
    body = pickle.dumps(thing)
    rest = memoryview(_LENGTH.pack(len(body)) + body)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except BrokenPipeError:
        raise Closed from None


def read(descriptor: int) -> Any:
    """The next object; waits for it. Raises Closed at the end."""
    (length,) = _LENGTH.unpack(_exactly(descriptor, _LENGTH.size))
    return pickle.loads(_exactly(descriptor, length))


def _exactly(descriptor: int, length: int) -> bytes:
    parts = []
    while length:
        part = os.read(descriptor, length)
        if not part:
            raise Closed
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
