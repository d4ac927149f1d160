"""What stands for the client in a request to a worker: short printable text of our own.

Workers keep it as whatever their language calls a string: one that ends at a NUL (the
Guide's C++), one that is trimmed, one that goes through text. So it is letters and
digits, well under 33 of them (a string of 33 that begins with '@' is a coded UUID to the
Guide's programs):

    zqk5xw2abq1f    a mark, 8 characters of this run of the queue, the request's number in hex

The characters of the run differ between two runs, so that a reply to the last one is not
taken for one to this.
"""

from __future__ import annotations

import base64

# Random bytes that name a run: 40 bits, 8 characters of base 32 with none left over.
RUN = 5
_MARK = b"zq"
_HEAD = len(_MARK) + 8
_DIGITS = b"0123456789abcdef"


def is_token(frame: bytes) -> bool:
    """Whether a frame has the shape of a token, of whichever run."""
    digits = frame[_HEAD:]
    return bool(digits) and frame.startswith(_MARK) and not digits.strip(_DIGITS)


class Tokens:
    """`run` is RUN random bytes that name this run of the queue."""

    def __init__(self, run: bytes) -> None:
        self._head = _MARK + base64.b32encode(run[:RUN].ljust(RUN, b"\0")).lower()

    def make(self, number: int) -> bytes:
        """The token of the request with that number, 0 or more."""
        return b"%b%x" % (self._head, number)

    def owns(self, frame: bytes) -> bool:
        """Whether a frame has the shape of a token of this run."""
        return frame.startswith(self._head) and is_token(frame)
