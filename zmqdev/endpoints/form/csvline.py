"""Messages as CSV, RFC 4180: a record is a message, a field is a frame.

A field in quotes may contain commas, quotes (doubled) and line ends.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from zmqdev.endpoints.form.split import Splitter

_BYTES = {"encoding": "utf-8", "errors": "surrogateescape"}
QUOTE = b'"'
# The library's limit is 128 KiB; the size of a message is limited elsewhere.
csv.field_size_limit(2**31 - 1)


class RecordSplitter(Splitter):
    """Splits a stream into CSV records.

    A line end inside quotes, where the number of quotes so far is odd, does not end a record.
    """

    def __init__(self, delimiter: bytes | None, limit: int = 0) -> None:
        super().__init__(delimiter, limit)
        self._end = delimiter or b""
        self._begun: list[bytes] = []
        self._quoted = False

    def receive(self, chunk: bytes) -> list[bytes]:
        """Return the records that `chunk` completes."""
        return self._joined(super().receive(chunk))

    def finish(self) -> list[bytes]:
        """Return the last record, which needs no line end."""
        records = self._joined(super().finish())
        begun, self._begun = self._begun, []
        return [*records, self._end.join(begun)] if begun else records

    def _joined(self, lines: Sequence[bytes]) -> list[bytes]:
        records = []
        for line in lines:
            self._begun.append(line)
            self._quoted ^= line.count(QUOTE) % 2 == 1
            if not self._quoted:
                records.append(self._end.join(self._begun))
                self._begun = []
        return records


def decode(record: bytes) -> list[bytes]:
    """Parse a record into its fields; ValueError when it is not CSV."""
    text = io.StringIO(record.removesuffix(b"\r").decode(**_BYTES), newline="")
    try:
        rows = list(csv.reader(text, strict=True))
    except csv.Error as error:
        raise ValueError(f"not a CSV record: {error}") from None
    if len(rows) != 1 or not rows[0]:
        raise ValueError("not a CSV record: an empty line")
    return [field.encode(**_BYTES) for field in rows[0]]


def encode(message: Sequence[bytes]) -> bytes:
    """Encode a message as one record, without the line end."""
    text = io.StringIO(newline="")
    # The writer quotes only the characters of its own line terminator.
    end = "\r\n"
    csv.writer(text, lineterminator=end).writerow([frame.decode(**_BYTES) for frame in message])
    return text.getvalue().removesuffix(end).encode(**_BYTES)
