"""Messages as CSV: a record is a message, a field is a frame. RFC 4180, by the standard library.

A field in quotes may hold commas, quotes (doubled) and line ends.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from zmqdev.endpoints.form.split import Splitter

_BYTES = {"encoding": "utf-8", "errors": "surrogateescape"}
QUOTE = b'"'
# Of the library 128 KiB. A message is limited elsewhere.
csv.field_size_limit(2**31 - 1)


class RecordSplitter(Splitter):
    """A record goes on over line ends inside quotes: while the number of quotes is odd."""

    def __init__(self, delimiter: bytes | None, limit: int = 0) -> None:
        super().__init__(delimiter, limit)
        self._end = delimiter or b""
        self._begun: list[bytes] = []
        self._quoted = False

    def receive(self, chunk: bytes) -> list[bytes]:
        return self._joined(super().receive(chunk))

    def finish(self) -> list[bytes]:
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
    """The fields of a record. Raises ValueError when it is not CSV."""
    text = io.StringIO(record.removesuffix(b"\r").decode(**_BYTES), newline="")
    try:
        rows = list(csv.reader(text, strict=True))
    except csv.Error as error:
        raise ValueError(f"not a CSV record: {error}") from None
    if len(rows) != 1 or not rows[0]:
        raise ValueError("not a CSV record: an empty line")
    return [field.encode(**_BYTES) for field in rows[0]]


def encode(message: Sequence[bytes]) -> bytes:
    """One message as one record, without the line end."""
    text = io.StringIO(newline="")
    # Line ends are quoted only where they are the writer's own.
    end = "\r\n"
    csv.writer(text, lineterminator=end).writerow([frame.decode(**_BYTES) for frame in message])
    return text.getvalue().removesuffix(end).encode(**_BYTES)
