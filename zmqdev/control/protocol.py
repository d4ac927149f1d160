r"""The control protocol: one request, one reply, always.

A request is one frame of JSON behind its envelope. The reply goes back behind the same envelope:

    {"zmqdev": 1, "verb": "connect", "args": {"side": "backend", "address": "tcp://…"}, "id": 7}
    {"zmqdev": 1, "ok": true, "result": …, "id": 7}
    {"zmqdev": 1, "ok": false, "error": {"code": "bad-argument", "message": "…"}, "id": 7}

`args` and `id` may be left out. The id is returned, so that a DEALER can have several requests
under way. The four words of `zmq_proxy_steerable` are accepted too, as one frame without JSON; see
OLD.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zmqdev.options.suggest import near
from zmqdev.options.types import ValueType
from zmqdev.wire import envelope

VERSION = 1
# A request is a verb and an address or two; only replies can be larger.
MOST_BYTES = 64 * 1024
# More addresses than any chain of devices adds.
MOST_ENVELOPE = 16
# Ids are for matching replies, not for storing data.
LONGEST_ID = 128

ERRORS = {
    "bad-request": "the request is not one frame of JSON of the documented form",
    "bad-version": "this zmqdev does not understand the version of the request",
    "too-large": f"the request has more than {MOST_BYTES // 1024} KiB",
    "unknown-verb": "the verb does not exist",
    "bad-argument": "an argument is missing, unknown or of the wrong type",
    "refused": "the device cannot do it in its current state; the message says why",
    "busy": "the device did not handle the request in time",
    "internal": "a defect of zmqdev; its log has the traceback",
}

# zmq_proxy_steerable(3): word -> verb. STATISTICS has a reply of a different form.
OLD = {b"PAUSE": "pause", b"RESUME": "resume", b"TERMINATE": "stop", b"STATISTICS": "statistics"}
OLD_STATISTICS = "statistics"


class Refused(Exception):
    """A request gets this instead of a result. `code` is a key of ERRORS."""

    def __init__(self, code: str, message: str, id: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.id = code, message, id


@dataclass(frozen=True)
class Argument:
    """An argument of a verb; its type checks it like the value of an option."""

    name: str
    type: ValueType
    help: str
    required: bool = True


@dataclass(frozen=True)
class Verb:
    """A verb: its name, what it does, its function and its arguments.

    `changes`: calls are logged.
    """

    name: str
    help: str
    act: Callable[..., Any]
    arguments: tuple[Argument, ...] = ()
    changes: bool = False

    @property
    def usage(self) -> str:
        """Return the usage: `connect SIDE ADDRESS`, with optional arguments in brackets."""
        words = [a.name.upper() if a.required else f"[{a.name.upper()}]" for a in self.arguments]
        return " ".join([self.name, *words])


@dataclass(frozen=True)
class ControlRequest:
    """A request that was read."""

    verb: str
    args: Mapping[str, Any] = field(default_factory=dict)
    id: Any = None
    old: bool = False


@dataclass(frozen=True)
class ControlReply:
    """A reply. `code` and `message` are set when `ok` is False."""

    ok: bool
    result: Any = None
    code: str = ""
    message: str = ""
    id: Any = None


def split(frames: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Split a ROUTER's message into (envelope, body).

    An envelope that is too long is cut to the routing id.
    """
    head, body = envelope.split(frames)
    if len(head) > MOST_ENVELOPE or sum(map(len, head)) > MOST_BYTES:
        return list(frames[:1]), list(frames[1:])
    return head, body


def read_request(body: Sequence[bytes]) -> ControlRequest:
    """Parse the frames after the envelope; Refused says what is wrong."""
    if sum(map(len, body)) > MOST_BYTES:
        raise Refused("too-large", f"a request has at most {MOST_BYTES} bytes")
    if len(body) != 1:
        raise Refused("bad-request", f"a request is one frame, not {len(body)}")
    if body[0] in OLD:
        return ControlRequest(OLD[body[0]], old=True)
    return _checked(_object(body[0]))


def _object(frame: bytes) -> dict[str, Any]:
    try:
        value = json.loads(frame.decode(), parse_constant=_no_constant)
    except RecursionError:
        raise Refused("bad-request", "the request is nested too deep") from None
    except ValueError as error:
        # UnicodeDecodeError and JSONDecodeError are ValueErrors.
        raise Refused("bad-request", f"the request is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Refused("bad-request", "the request is not a JSON object")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _checked(value: dict[str, Any]) -> ControlRequest:
    id_ = value.pop("id", None)
    if not _is_id(id_):
        raise Refused("bad-request", f"id: expected a number or at most {LONGEST_ID} characters")
    version, verb, args = value.pop("zmqdev", None), value.pop("verb", None), value.pop("args", {})
    if version != VERSION or isinstance(version, bool):
        found = "no version" if version is None else f"version {_short(version)}"
        raise Refused("bad-version", f'{found}; this is "zmqdev": {VERSION}', id_)
    if not isinstance(verb, str):
        raise Refused("bad-request", "verb: expected a word", id_)
    if not isinstance(args, dict):
        raise Refused("bad-request", "args: expected names and values", id_)
    if value:
        raise Refused("bad-request", f"unknown key {_short(next(iter(value)))}", id_)
    return ControlRequest(verb, args, id_)


def _is_id(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_ID
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def find(verbs: Mapping[str, Verb], request: ControlRequest) -> Verb:
    """Return the verb of a request; Refused when it is unknown."""
    if request.verb not in verbs:
        word = request.verb[:40]
        raise Refused("unknown-verb", f"no verb {word!r}{near(word, verbs)}", request.id)
    return verbs[request.verb]


def check(verb: Verb, given: Mapping[str, Any], *, text: bool = False) -> dict[str, Any]:
    """Parse arguments by their types; Refused names the one that is wrong.

    `text`: they come from a command line, where everything is text.
    """
    known = {argument.name: argument for argument in verb.arguments}
    for name in given:
        if name not in known:
            raise Refused("bad-argument", f"{verb.name} takes no {name[:40]!r}{near(name, known)}")
    parsed: dict[str, Any] = {}
    for name, argument in known.items():
        if given.get(name) is None:
            if argument.required:
                raise Refused("bad-argument", f"{verb.name} needs {name}: {argument.help}")
            continue
        try:
            parsed[name] = argument.type.parse(given[name], text=text)
        except ValueError as error:
            raise Refused("bad-argument", f"{name}: {error}") from None
    return parsed


def by_position(verb: Verb, words: Sequence[str]) -> dict[str, str]:
    """Turn words of a command line into arguments, in the order of their declaration."""
    if len(words) > len(verb.arguments):
        extra = words[len(verb.arguments)]
        raise Refused("bad-argument", f"{extra!r} is one too many; write `{verb.usage}`")
    return {argument.name: word for argument, word in zip(verb.arguments, words, strict=False)}


def write_request(verb: str, args: Mapping[str, Any], id: Any = None) -> bytes:
    """Encode a request."""
    made: dict[str, Any] = {"zmqdev": VERSION, "verb": verb}
    if args:
        made["args"] = dict(args)
    return _dump(made, id)


def write_result(result: Any, id: Any = None) -> bytes:
    """Encode a reply with a result."""
    return _dump({"zmqdev": VERSION, "ok": True, "result": result}, id)


def write_refusal(refused: Refused, id: Any = None) -> bytes:
    """Encode a refusal."""
    error = {"code": refused.code, "message": refused.message}
    shown = refused.id if id is None else id
    return _dump({"zmqdev": VERSION, "ok": False, "error": error}, shown)


def _dump(value: dict[str, Any], id: Any) -> bytes:
    if id is not None:
        value["id"] = id
    return json.dumps(value, ensure_ascii=False).encode(errors="replace")


def read_reply(frame: bytes) -> ControlReply:
    """Parse a reply; ValueError when it is not one."""
    try:
        value = json.loads(frame.decode())
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(value, dict) or not isinstance(value.get("ok"), bool):
        raise ValueError("not a reply of a control socket")
    error = value.get("error")
    told = error if isinstance(error, dict) else {}
    return ControlReply(
        ok=value["ok"],
        result=value.get("result"),
        code=str(told.get("code", "")),
        message=str(told.get("message", "")),
        id=value.get("id"),
    )


def old_statistics(
    flows: Iterable[tuple[str, Mapping[str, int]]], drops: Sequence[str]
) -> list[bytes]:
    """Return the eight native u64 frames of STATISTICS, zmq_proxy_steerable(3).

    They are for the frontend, then the backend: messages received, their bytes,
    messages sent, their bytes. `flows` are (source side, counts). Whole messages are
    counted, as the manual says and libzmq does not do. A dropped message counts as
    received, without its bytes, which are unknown.
    """
    cells = [0] * 8
    for source, counts in flows:
        received, sent = (0, 6) if source == "frontend" else (4, 2)
        dropped = sum(counts.get(name, 0) for name in drops)
        cells[received] += counts["messages"] + dropped
        cells[sent] += counts["messages"]
        cells[received + 1] += counts["bytes"]
        cells[sent + 1] += counts["bytes"]
    return [struct.pack("=Q", cell) for cell in cells]
