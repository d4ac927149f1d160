"""Splitting a stream of chunks into records at a delimiter, wherever the chunks end.

A record is never cut, and the last one needs no delimiter. The pieces of an unfinished record are
kept in a list, so a record of 64 MiB in 64 KiB chunks is joined once and not a thousand times.
"""

from __future__ import annotations

from zmqdev.errors import RunError


class Splitter:
    """Splits a stream. Call `receive` with each chunk, then `finish`.

    `delimiter` is one byte, or None, with which the whole stream is one record. `limit` is the
    maximum number of bytes in a record, 0 for none. A longer record raises RunError, so that an
    endless line does not fill the memory.
    """

    def __init__(self, delimiter: bytes | None, limit: int = 0) -> None:
        self._delimiter = delimiter
        self._limit = limit
        self._pieces: list[bytes] = []
        self._held = 0

    def receive(self, chunk: bytes) -> list[bytes]:
        """Return the records that `chunk` completes."""
        if self._delimiter is None or self._delimiter not in chunk:
            self._hold(chunk)
            return []
        records = (b"".join((*self._pieces, chunk)) if self._pieces else chunk).split(
            self._delimiter
        )
        most = self._held + len(chunk)
        self._pieces, self._held = [], 0
        self._hold(records.pop())
        if 0 < self._limit < most:  # only then can one of them be too long
            self._check(max(map(len, records)))
        return records

    def finish(self) -> list[bytes]:
        """Return the last record when the stream ends, such as a line without its newline.

        Without a delimiter there is always one record, even an empty one.
        """
        rest = b"".join(self._pieces)
        self._pieces, self._held = [], 0
        return [rest] if rest or self._delimiter is None else []

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self._held += len(piece)
            self._check(self._held)

    def _check(self, length: int) -> None:
        if 0 < self._limit < length:
            raise RunError(
                f"a message in the input is longer than {self._limit} bytes "
                "(--set maxmsgsize=SIZE sets the limit)"
            )
