"""The envelope of a request: the frames that route a reply back to the client.

It is everything up to and including the first empty frame, whatever its length:
REQ sends just the empty frame, REQ_CORRELATE puts a 4-byte id before it, each
ROUTER on the way its own address. A message with no empty frame has only
the frame that the receiving ROUTER put in front.
"""

from __future__ import annotations

from collections.abc import Sequence

DELIMITER = b""


def body_at(frames: Sequence[bytes], start: int = 1) -> int:
    """Where the body begins. `start` frames are addresses for certain."""
    try:
        return frames.index(DELIMITER, start) + 1
    except ValueError:
        return start


def split(frames: Sequence[bytes], start: int = 1) -> tuple[list[bytes], list[bytes]]:
    """(envelope, body) of a message."""
    at = body_at(frames, start)
    return list(frames[:at]), list(frames[at:])
