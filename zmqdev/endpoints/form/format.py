"""The formats in which messages are written and, by the same name, read.

| format | a message is | frames are joined by |
|---|---|---|
| text | an unchanged line | a blank, or `--frames` |
| raw | its bytes, unchanged; the whole of an input is one message | nothing, or `--frames` |
| quoted | a line of texts in double quotes | a blank, or `--frames` |
| hex | a line of hexadecimal digits | a blank, or `--frames` |
| json | one object a line | the list in it |
| csv | a record of CSV, with its quotes | a comma |

Input is split into frames only if a separator is given, except in quoted, hex, json and csv, where
the frames can always be told apart. A burst is encoded to one `bytes`, for one write.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zmqdev.endpoints.form import csvline, jsonline, quoted
from zmqdev.endpoints.form.output_format import OutputFormat, Received

Message = Sequence[bytes]

_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f-\xff]")


@dataclass(frozen=True)
class Layout:
    """How messages are laid out in a stream.

    `delimiter` ends a record (newline, or NUL with -0). `separator` stands between frames, if one
    was configured. With `terminal`, control characters are escaped.
    """

    format: str = "text"
    delimiter: bytes = b"\n"
    separator: bytes | None = None
    terminal: bool = False
    template: OutputFormat | None = None  # of output, instead of the format
    # Of input: the column that becomes the first frame, or the text that ends the first of two
    # frames.
    topic_column: int | None = None
    topic_separator: bytes | None = None

    @property
    def record_end(self) -> bytes | None:
        """Return what ends a record of input; None when the whole input is one record."""
        return None if self.format == "raw" else self.delimiter

    @property
    def verbatim(self) -> bool:
        """Whether a record of input is the only frame of a message, unchanged."""
        plain = self.format in ("text", "raw")
        return plain and self.separator is None and self.topic_separator is None

    @property
    def plain_lines(self) -> bool:
        """Whether a message of one frame is written unchanged, followed by the delimiter."""
        return self.format == "text" and not self.terminal and self.template is None

    @property
    def joiner(self) -> bytes:
        """Return what is written between frames."""
        if self.separator is not None:
            return self.separator
        return b"" if self.format == "raw" else b" "


def write_out(layout: Layout, messages: Sequence[Message], time: float) -> bytes:
    """Write messages as output; `time` is when they were received."""
    if layout.template is not None:
        return _templated(layout, layout.template, messages, time)
    return _WRITERS[layout.format](layout, messages, time) if messages else b""


def read_in(layout: Layout, record: bytes) -> list[bytes]:
    """Parse a record of input into frames; ValueError when it is malformed."""
    frames = _READERS[layout.format](layout, record)
    return frames if layout.topic_column is None else _led(frames, layout.topic_column)


def _led(frames: list[bytes], column: int) -> list[bytes]:
    """Move the frame of a column to the front; ValueError when there is none."""
    if column > len(frames):
        raise ValueError(f"no column {column}; it has {len(frames)}")
    return [frames[column - 1], *frames[: column - 1], *frames[column:]]


def read_all(layout: Layout, records: list[bytes]) -> list[Message]:
    """Parse many records, like `read_in`, with a shortcut for text."""
    if layout.verbatim:
        return list(zip(records, strict=False))  # tuples of one element, the fastest way
    separator = layout.separator
    led = layout.topic_column is not None
    if layout.format in ("text", "raw") and separator is not None and not led:
        return [record.split(separator) for record in records]
    return [read_in(layout, record) for record in records]


def _templated(
    layout: Layout, template: OutputFormat, messages: Sequence[Message], time: float
) -> bytes:
    joiner, visible = layout.joiner, layout.terminal
    return b"".join(
        template.render(Received(frames, time, joiner), visible=visible) for frames in messages
    )


def _text(layout: Layout, messages: Sequence[Message], time: float) -> bytes:
    lines = map(layout.joiner.join, messages)
    if layout.terminal:
        lines = map(_safe, lines)
    return layout.delimiter.join(lines) + layout.delimiter


def _raw(layout: Layout, messages: Sequence[Message], time: float) -> bytes:
    return b"".join(map(layout.joiner.join, messages))


def _quoted(layout: Layout, messages: Sequence[Message], time: float) -> bytes:
    return _lines(layout, [layout.joiner.join(map(quoted.quote, m)) for m in messages])


def _hex(layout: Layout, messages: Sequence[Message], time: float) -> bytes:
    return _lines(layout, [layout.joiner.join(map(binascii.hexlify, m)) for m in messages])


def _json(layout: Layout, messages: Sequence[Message], time: float) -> bytes:
    shown = layout.terminal
    return _lines(layout, [jsonline.encode(m, time, ascii_only=shown) for m in messages])


def _csv(layout: Layout, messages: Sequence[Message], time: float) -> bytes:
    lines = map(csvline.encode, messages)
    return _lines(layout, list(map(_safe, lines) if layout.terminal else lines))


def _lines(layout: Layout, lines: list[bytes]) -> bytes:
    return layout.delimiter.join(lines) + layout.delimiter


def _safe(line: bytes) -> bytes:
    return quoted.visible(line) if _CONTROL.search(line) else line


def _read_text(layout: Layout, record: bytes) -> list[bytes]:
    if layout.topic_separator is not None:
        topic, found, rest = record.partition(layout.topic_separator)
        if not found:
            raise ValueError(f"no {layout.topic_separator!r} that ends a topic")
        return [topic, rest]
    return [record] if layout.separator is None else record.split(layout.separator)


def _read_quoted(layout: Layout, record: bytes) -> list[bytes]:
    return quoted.unquote(record, layout.joiner)


def _read_hex(layout: Layout, record: bytes) -> list[bytes]:
    frames = record.rstrip(b"\r").split(layout.joiner)
    try:
        return [binascii.unhexlify(frame) for frame in frames]
    except binascii.Error as error:
        raise ValueError(f"not hexadecimal: {error}") from None


def _read_csv(layout: Layout, record: bytes) -> list[bytes]:
    return csvline.decode(record)


def _read_json(layout: Layout, record: bytes) -> list[bytes]:
    return jsonline.decode(record)


_WRITERS: dict[str, Callable[[Layout, Sequence[Message], float], bytes]] = {
    "text": _text,
    "raw": _raw,
    "quoted": _quoted,
    "hex": _hex,
    "json": _json,
    "csv": _csv,
}
_READERS: dict[str, Callable[[Layout, bytes], list[bytes]]] = {
    "text": _read_text,
    "raw": _read_text,
    "quoted": _read_quoted,
    "hex": _read_hex,
    "json": _read_json,
    "csv": _read_csv,
}
FORMATS = tuple(_WRITERS)
