"""Options of capture: where copies of all messages go, and how their direction is marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zmqdev.errors import UsageError
from zmqdev.options.layer import Written
from zmqdev.options.option import option
from zmqdev.options.places import Address
from zmqdev.options.types import Prefix, Scalar, expected

LONGEST = 255
_GROUP = "Data path"


@dataclass(frozen=True)
class InOut(Scalar):
    """Two frames, written as text with escapes and separated by a comma."""

    metavar: str = "IN,OUT"

    def parse(self, raw: object, *, text: bool) -> tuple[bytes, bytes]:
        words = raw.split(",") if isinstance(raw, str) else []
        if len(words) != 2:
            raise expected("two words like in,out", raw)
        first, second = (Prefix().parse(word.strip(), text=True) for word in words)
        if not all(0 < len(word) <= LONGEST for word in (first, second)):
            raise ValueError(f"{raw!r}: each has 1 to {LONGEST} bytes")
        return first, second

    def plain(self, value: tuple[bytes, bytes]) -> Any:
        return ",".join(str(Prefix().plain(word)) for word in value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[^,]+,[^,]+$"}


@dataclass(frozen=True)
class Capturing:
    """Options for publishing copies of a device's messages."""

    capture: str | None = option(
        Address(verb="bind"),
        help="Publish a copy of every message at this address (PUB), a forwarder's subscriptions "
        "too.",
        group=_GROUP,
    )
    capture_connect: str | None = option(
        Address(verb="connect"),
        help="The same, to a SUB that binds this address.",
        group=_GROUP,
    )
    capture_prefix: tuple[bytes, bytes] | None = option(
        InOut(),
        help="Put a frame before each copy: IN for a message from the frontend, OUT for one from "
        "the backend.",
        group=_GROUP,
    )

    @property
    def captures(self) -> bool:
        """Whether copies are published."""
        return bool(self.capture or self.capture_connect)


def check(spec: Capturing, written: Written) -> None:
    """Raise UsageError for a prefix without a capture."""
    if spec.capture_prefix and not spec.captures:
        raise UsageError(
            "capture-prefix: there is no capture; add capture or capture-connect",
            written.place("capture-prefix"),
        )
