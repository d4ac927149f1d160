"""The token that replaces the client's address in a request to a worker: short printable text.

Workers keep it in a string of their language. Some strings end at a NUL (the Guide's C++), some
are trimmed, some are decoded. So a token has only letters and digits, and well under 33 of them
(the Guide's programs read a string of 33 that begins with '@' as a coded UUID):

    zqk5xw2abq1fd41c07a92e    a mark, 8 characters of this run of the queue, the request's number
                              in hex, 10 digits that cannot be guessed

The characters of the run differ between two runs, so that a late reply to the previous run is not
taken for one to this run. The last digits are there because a plain worker sends nothing but
replies: without them, a worker could derive the tokens of other requests from its own, and answer
them.
"""

from __future__ import annotations

import base64
import hashlib

# Random bytes that name a run: 40 bits, 8 characters of base 32 with none left over.
_NAME = 5
# With those that are never sent, from which the last digits of each token are derived.
RUN = _NAME + 16
# Bytes of one token that cannot be guessed, and tokens whose bytes are made at a time.
_SECRET, _BLOCK = 5, 256
_MARK = b"zq"
_HEAD = len(_MARK) + 8
_DIGITS = b"0123456789abcdef"


def is_token(frame: bytes) -> bool:
    """Return whether a frame has the form of a token, of any run."""
    digits = frame[_HEAD:]
    return bool(digits) and frame.startswith(_MARK) and not digits.strip(_DIGITS)


class Tokens:
    """The tokens of a run. `run` is RUN random bytes.

    The first ones name this run of the queue, the others are its secret.
    """

    def __init__(self, run: bytes) -> None:
        self._head = _MARK + base64.b32encode(run[:_NAME].ljust(_NAME, b"\0")).lower()
        self._run = run
        self._block: list[bytes] = []
        self._first = 0  # the number of the first token of the block

    def make(self, number: int) -> bytes:
        """Return the token of the request with that number, 0 or more."""
        at = number - self._first
        if not 0 <= at < len(self._block):
            self._first, at = number - number % _BLOCK, number % _BLOCK
            self._block = self._tokens(self._first)
        return self._block[at]

    def _tokens(self, first: int) -> list[bytes]:
        """Return the tokens of a block, which are a third cheaper when made together."""
        secret = hashlib.shake_256(b"%b %x" % (self._run, first // _BLOCK))
        digits, width = secret.hexdigest(_SECRET * _BLOCK).encode(), 2 * _SECRET
        return [
            b"%b%x%b" % (self._head, first + at, digits[at * width : (at + 1) * width])
            for at in range(_BLOCK)
        ]

    def owns(self, frame: bytes) -> bool:
        """Return whether a frame has the form of a token of this run."""
        return frame.startswith(self._head) and is_token(frame)
