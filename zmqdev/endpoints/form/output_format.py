r"""`--output-format '%t %p\n'`: how a message is printed, with the codes of mosquitto_sub.

| in the text | is |
|---|---|
| `%t` | topic: the first frame of several |
| `%p` | payload: the frames after it, or the one frame there is |
| `%m` | the whole message |
| `%{2}` | the second frame |
| `%l`, `%c` | bytes of the payload, number of frames |
| `%x`, `%X` | payload in hexadecimal digits |
| `%j`, `%J` | payload as a JSON string, message as a JSON line |
| `%I`, `%U` | time of receipt: ISO 8601, Unix time |
| `@H`, `@M`, ... | time of receipt, the letter as of strftime(3) |
| `%%`, `@@`, `\n`, `\t`, `\0`, `\xNN`, `\\` | the character |

`%10t` is padded to ten bytes on the left, `%-10t` on the right. Nothing is added, so a line needs
its `\n`.
"""

from __future__ import annotations

import binascii
import json
import re
import time as clock
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from zmqdev.endpoints.form import jsonline, quoted
from zmqdev.errors import UsageError

Value = Callable[["Received"], bytes]

_TOKEN = re.compile(
    rb"%(?P<width>-?\d+)?(?:\{(?P<frame>\d+)\}|(?P<letter>.))"
    rb"|@(?P<time>.)|\\x(?P<byte>[0-9a-fA-F]{2})|\\(?P<escape>.)|(?P<text>[^%@\\]+)|(?P<end>.)",
    re.DOTALL,
)
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"0": b"\0", b"\\": b"\\"}


@dataclass(frozen=True)
class Received:
    """A message, the time when it was received, and what to write between its frames."""

    frames: Sequence[bytes]
    time: float
    joiner: bytes = b" "

    @property
    def topic(self) -> bytes:
        """Return the first frame of several."""
        return self.frames[0] if len(self.frames) > 1 else b""

    @property
    def payload(self) -> bytes:
        """Return the frames after the topic, or the only frame."""
        return self.joiner.join(self.frames[1:] if len(self.frames) > 1 else self.frames)


def _json_text(message: Received) -> bytes:
    return json.dumps(message.payload.decode(errors="backslashreplace")).encode()


def _iso(message: Received) -> bytes:
    return datetime.fromtimestamp(message.time).astimezone().isoformat().encode()


_VALUES: dict[bytes, Value] = {
    b"t": lambda message: message.topic,
    b"p": lambda message: message.payload,
    b"m": lambda message: message.joiner.join(message.frames),
    b"l": lambda message: b"%d" % len(message.payload),
    b"c": lambda message: b"%d" % len(message.frames),
    b"x": lambda message: binascii.hexlify(message.payload),
    b"X": lambda message: binascii.hexlify(message.payload).upper(),
    b"j": _json_text,
    b"J": lambda message: jsonline.encode(message.frames, message.time),
    b"I": _iso,
    b"U": lambda message: b"%.6f" % message.time,
}


@dataclass(frozen=True)
class OutputFormat:
    """A compiled format; `pieces` are literal bytes, or functions of the message."""

    pieces: tuple[bytes | Value, ...]

    def render(self, message: Received, *, visible: bool = False) -> bytes:
        """Return the message as it is printed.

        With `visible`, control characters in its values are escaped.
        """
        made = []
        for piece in self.pieces:
            if isinstance(piece, bytes):
                made.append(piece)
            else:
                value = piece(message)
                made.append(quoted.visible(value) if visible else value)
        return b"".join(made)


def compile_format(text: str, place: str | None = None) -> OutputFormat:
    """Compile a format; UsageError, with `place` in front, says what is unknown in it."""
    raw = text.encode(errors="surrogateescape")
    try:
        return OutputFormat(tuple(_piece(token) for token in _TOKEN.finditer(raw)))
    except ValueError as error:
        raise UsageError(str(error), place) from None


def _piece(token: re.Match[bytes]) -> bytes | Value:
    found = token.groupdict()
    if found["text"] is not None:
        return bytes(found["text"])
    if found["byte"] is not None:
        return bytes.fromhex(found["byte"].decode())
    if found["escape"] is not None:
        return _escape(found["escape"])
    if found["time"] is not None:
        return b"@" if found["time"] == b"@" else _time(found["time"])
    if found["end"] is not None:
        raise ValueError(f"a single {_shown(found['end'])} at the end")
    if found["letter"] == b"%":
        return b"%"
    value = _frame(int(found["frame"])) if found["frame"] else _value(found["letter"])
    return _wide(value, int(found["width"])) if found["width"] else value


def _escape(name: bytes) -> bytes:
    if name not in _ESCAPES:
        raise ValueError(f"unknown escape \\{_shown(name)}; known are \\n \\t \\r \\0 \\\\ \\xNN")
    return _ESCAPES[name]


def _value(letter: bytes) -> Value:
    if letter not in _VALUES:
        known = " ".join(f"%{name.decode()}" for name in _VALUES)
        raise ValueError(f"unknown %{_shown(letter)}; known are {known} %{{N}} %%")
    return _VALUES[letter]


def _frame(number: int) -> Value:
    if not number:
        raise ValueError("%{0}: frames are counted from 1")
    return lambda message: b"".join(message.frames[number - 1 : number])


def _time(letter: bytes) -> Value:
    form = "%" + letter.decode(errors="replace")
    return lambda message: clock.strftime(form, clock.localtime(message.time)).encode()


def _wide(value: Value, width: int) -> Value:
    if width < 0:
        return lambda message: value(message).ljust(-width)
    return lambda message: value(message).rjust(width)


def _shown(some: bytes) -> str:
    return some.decode(errors="backslashreplace")
