"""Rights: the prefixes each peer may subscribe to, the services each worker may serve.

One right a line, in words as a shell reads them (quotes, `\\` and `#` comments):

    alice     subscribe  stocks. news.       # by certificate or user name
    'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7' subscribe ''    # by key: every topic
    *         subscribe  public.             # everybody
    worker-1  serve      resize convert
    worker-2  serve      *                   # every service

`hex:00ff` is a prefix in hex. What no line grants is refused.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zmqdev.errors import UsageError
from zmqdev.security.keyfile import read_whole, refuse_writable

LONGEST_FILE = 4 * 1024 * 1024
EVERYBODY = "*"
EVERY_SERVICE = b"*"
HEX = "hex:"

Grants = Mapping[str, tuple[bytes, ...]]


@dataclass(frozen=True)
class Rights:
    """Granted prefixes and services by user id; empty grants nothing."""

    subscribe: Grants = field(default_factory=dict)
    serve: Grants = field(default_factory=dict)

    def may_subscribe(self, user: str, topic: bytes) -> bool:
        """Whether a user may see every message whose topic begins with `topic`."""
        return any(topic.startswith(prefix) for prefix in _granted(self.subscribe, user))

    def may_serve(self, user: str, service: bytes) -> bool:
        """Whether a worker of this user may serve a service."""
        return any(word in (service, EVERY_SERVICE) for word in _granted(self.serve, user))


def _granted(grants: Grants, user: str) -> tuple[bytes, ...]:
    return grants.get(user, ()) + grants.get(EVERYBODY, ())


def parse(data: bytes, place: str) -> Rights:
    """Parse a file of rights; raises UsageError with `place:line`."""
    found: dict[str, dict[str, tuple[bytes, ...]]] = {right: {} for right in RIGHTS}
    for number, raw in enumerate(data.split(b"\n"), 1):
        words = _words(raw, f"{place}:{number}")
        if words:
            who, right, values = _line(words, f"{place}:{number}")
            found[right][who] = found[right].get(who, ()) + values
    return Rights(**found)


def _words(raw: bytes, place: str) -> list[str]:
    try:
        return shlex.split(raw.decode(), comments=True)
    except UnicodeDecodeError:
        raise UsageError("bytes that are not UTF-8; write them as hex:...", place) from None
    except ValueError as error:
        raise UsageError(str(error).lower(), place) from None


def _line(words: list[str], place: str) -> tuple[str, str, tuple[bytes, ...]]:
    if len(words) < 3:
        raise UsageError("expected 'WHO subscribe PREFIX...' or 'WHO serve SERVICE...'", place)
    who, right, *values = words
    reader = RIGHTS.get(right)
    if reader is None:
        raise UsageError(f"unknown right {right!r}; known are {', '.join(RIGHTS)}", place)
    if not who:
        raise UsageError("the right names no topic or service", place)
    try:
        return who, right, tuple(map(reader, values))
    except ValueError as error:
        raise UsageError(str(error), place) from None


def _prefix(word: str) -> bytes:
    if word == "*":
        raise ValueError("a prefix is not a pattern: write '' for every topic")
    if not word.startswith(HEX):
        return word.encode()
    try:
        return bytes.fromhex(word.removeprefix(HEX))
    except ValueError:
        raise ValueError(f"{word!r} is not hexadecimal") from None


def _service(word: str) -> bytes:
    if not word:
        raise ValueError("a service has a name; write * for every service")
    return word.encode()


RIGHTS: dict[str, Callable[[str], bytes]] = {"subscribe": _prefix, "serve": _service}


def load(path: Path) -> Rights:
    """Read a file of rights; raises UsageError."""
    data = read_whole(path, LONGEST_FILE)
    refuse_writable(path)
    return parse(data, str(path))
