"""Python objects over a pipe: pickles, each preceded by its length.

Both ends are this program and nothing else writes to the pipe, so unpickling is safe.
Nothing is read ahead, so `poll` on the descriptor is reliable.
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
    """Write an object; raises Closed when the reader is gone."""
    body = pickle.dumps(thing)
    rest = memoryview(_LENGTH.pack(len(body)) + body)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except BrokenPipeError:
        raise Closed from None


def read(descriptor: int) -> Any:
    """Wait for the next object and return it; raises Closed at the end of the pipe."""
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
