"""A tapped message as output: its direction, its envelope, its body.

    > [id 0x006b8b4567] [] Req-1
    < [id 0x006b8b4567] [] Processed: Req-1
    < subscribe "ACME"

`>` means forward, `<` backward. The form `raw` has only bodies, `json` an object with
`direction`, `envelope`, `frames` and `time`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zmqdev.endpoints.form import jsonline
from zmqdev.endpoints.form.format import Layout, write_out
from zmqdev.endpoints.form.quoted import quote, visible
from zmqdev.wire import envelope

FORWARD, BACKWARD = b">", b"<"
DIRECTIONS = {FORWARD: "forward", BACKWARD: "backward"}
_SUBSCRIBING = {b"\x01": b"subscribe", b"\x00": b"unsubscribe"}


@dataclass(frozen=True)
class Sample:
    """One message. `mark` is `>` or `<`; `envelope` is empty when no routing ids
    precede the body."""

    mark: bytes
    envelope: tuple[bytes, ...]
    body: tuple[bytes, ...]
    subscription: bool = False


def sample(frames: Sequence[bytes], types: Mapping[str, str]) -> Sample:
    """Parse a message from the tap, which has its mark in front.

    `types` are the socket types by side: a ROUTER puts a routing id before each
    message.
    """
    mark, message = frames[0], frames[1:]
    if "ROUTER" in types.values() and message:
        head, body = envelope.split(message)
        return Sample(mark, tuple(head), tuple(body))
    upstream = mark == BACKWARD and types.get("frontend") == "XSUB" and len(message) == 1
    return Sample(mark, (), tuple(message), upstream and message[0][:1] in _SUBSCRIBING)


def written(layout: Layout, seen: Sample, time: float) -> bytes:
    """Return a sample as output, with its delimiter; `time` is in seconds since 1970."""
    if layout.format == "raw":
        return write_out(layout, [seen.body], time) if seen.body else b""
    if layout.format == "json":
        return _json(seen, time) + layout.delimiter
    return b" ".join(part for part in (seen.mark, _head(seen), _body(layout, seen, time)) if part)


def _head(seen: Sample) -> bytes:
    return b" ".join(_address(at, frame) for at, frame in enumerate(seen.envelope))


def _address(at: int, frame: bytes) -> bytes:
    """Return `[id 0x006b8b4567]` for the first frame, a ROUTER's id of its peer, and
    `[]` for the empty delimiter."""
    if not frame:
        return b"[]"
    shown = visible(frame) if frame.isascii() and frame.decode().isprintable() else b""
    name = shown or b"0x" + frame.hex().encode()
    return b"[id %s]" % name if at == 0 else b"[%s]" % name


def _body(layout: Layout, seen: Sample, time: float) -> bytes:
    if seen.subscription and layout.format == "text":
        word = _SUBSCRIBING[seen.body[0][:1]]
        return word + b" " + quote(seen.body[0][1:]) + layout.delimiter
    return write_out(layout, [seen.body], time) if seen.body else layout.delimiter


def _json(seen: Sample, time: float) -> bytes:
    told = {
        "time": round(time, 6),
        "direction": DIRECTIONS[seen.mark],
        "envelope": _frames(seen.envelope),
        "frames": _frames(seen.body),
    }
    return json.dumps(told).encode()


def _frames(frames: Sequence[bytes]) -> list[object]:
    """Return frames as the JSON lines of `sub` do: as text, or as base64 if they are not text."""
    found = json.loads(jsonline.encode(frames, 0.0))["frames"]
    assert isinstance(found, list)
    return found
