"""The envelope of a request: the frames that route its reply back to the client.

It ends with the first empty frame. REQ sends only that frame, REQ_CORRELATE puts a
4-byte id in front, and each ROUTER on the way adds an address. In a message without an
empty frame it is only the frame that the receiving ROUTER added.
"""

from __future__ import annotations

from collections.abc import Sequence

DELIMITER = b""


def body_at(frames: Sequence[bytes], start: int = 1) -> int:
    """Return the index of the body. The first `start` frames are known to be addresses."""
    try:
        return frames.index(DELIMITER, start) + 1
    except ValueError:
        return start


def split(frames: Sequence[bytes], start: int = 1) -> tuple[list[bytes], list[bytes]]:
    """Return (envelope, body) of a message."""
    at = body_at(frames, start)
    return list(frames[:at]), list(frames[at:])
