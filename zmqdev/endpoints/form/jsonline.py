r"""Messages as JSON lines: any bytes, one object a line.

    {"time": 1763902510.123456, "topic": "ACME", "frames": ["ACME", {"base64": "AP8="}]}

`frames`: each is a string if it is UTF-8, otherwise `{"base64": …}`. `time`: Unix time in seconds
when the message was received. `topic`: the first frame of several, as text; left out when there is
only one frame, or when it is not UTF-8.

The same lines are accepted as input. `frames` is enough there; `topic` and `time` are ignored,
except that a replay (`decode_recorded`) needs `time`. For lines written by hand there is `body`:
one frame, or the second one after `topic`; an object, a list or a number is sent as its JSON.
Other keys are ignored, so the output of another tool needs no cleaning.
"""

from __future__ import annotations

import binascii
import json.encoder
import math
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import Any

# Encoding single strings without the encoder object is five times as fast.
_text = json.encoder.encode_basestring
# On a terminal, control characters of the C1 set must be escaped too.
_ascii = json.encoder.encode_basestring_ascii
SHAPE = '{"frames": ["text", {"base64": "…"}]}'


def encode(message: Sequence[bytes], time: float, *, ascii_only: bool = False) -> bytes:
    """Encode a message as one object, without a newline."""
    quote = _ascii if ascii_only else _text
    shown = [_shown(frame, quote) for frame in message]
    topic = ""
    if len(shown) > 1 and shown[0][0] == '"':
        topic = f'"topic":{shown[0]},'
    return f'{{"time":{time:.6f},{topic}"frames":[{",".join(shown)}]}}'.encode()


def decode(line: bytes) -> list[bytes]:
    """Parse an object into frames; ValueError says what is wrong with it."""
    return [_frame(frame) for frame in _frames(_object(line))]


def decode_recorded(line: bytes) -> tuple[float, list[bytes]]:
    """Parse an object into its time and frames; ValueError also when it has no time."""
    found = _object(line)
    frames = [_frame(frame) for frame in _frames(found)]
    time = found.get("time")
    if isinstance(time, bool) or not isinstance(time, int | float) or not math.isfinite(time):
        what = "'time' is not a number" if "time" in found else "it has no 'time'"
        raise ValueError(f"{what}; record with `sub --format json`, or leave --replay out")
    return float(time), frames


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"expected an object like {SHAPE}")
    return found


def _frames(found: dict[str, Any]) -> list[Any]:
    if "frames" in found:
        frames = found["frames"]
        if not isinstance(frames, list) or not frames:
            raise ValueError("'frames' must be a list of at least one frame")
        return frames
    if "body" in found:
        topic = [found["topic"]] if "topic" in found else []
        return [*topic, _body(found["body"])]
    raise ValueError(f"no 'frames' and no 'body'; expected {SHAPE}")


def _body(value: Any) -> Any:
    """Return a value as a frame: what is neither text nor bytes is encoded as JSON."""
    if isinstance(value, str) or (isinstance(value, dict) and value.keys() == {"base64"}):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def text_or_bytes(frame: bytes) -> str:
    """Return a frame as it is written in `frames`."""
    return _shown(frame, _text)


def _shown(frame: bytes, quote: Callable[[str], str]) -> str:
    try:
        return quote(frame.decode())
    except UnicodeDecodeError:
        return f'{{"base64":"{b64encode(frame).decode()}"}}'


def _frame(value: Any) -> bytes:
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise ValueError("a lone surrogate is not a character; use base64 for bytes") from None
    if isinstance(value, dict) and value.keys() == {"base64"} and isinstance(value["base64"], str):
        try:
            return b64decode(value["base64"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"bad base64: {error}") from None
    raise ValueError('a frame is a string or {"base64": "…"}')
