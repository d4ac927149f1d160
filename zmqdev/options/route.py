"""The keys of a route and of a test of routes; see `zmqdev help routing`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zmqdev.options.option import option
from zmqdev.options.quantity import parse_size
from zmqdev.options.rows import MisplacedError, within
from zmqdev.options.suggest import near
from zmqdev.options.types import Choice, Flag, Many, Scalar, Text, called, expected
from zmqdev.routing.condition import Condition, FieldMatch, FrameMatch, Larger, Not
from zmqdev.routing.limits import WHOLE
from zmqdev.routing.pattern import Pattern, parse
from zmqdev.routing.table import Rename

MATCHES = ("topic", "frame", "json", "larger", "not")
# Farthest frame that a route may look at, from either end.
FURTHEST = 1000
FASTEST = 1_000_000_000
_RATE = re.compile(r"(\d+)\s*/\s*s", re.ASCII)
_SHARE = re.compile(r"(\d+)(?:\.(\d{1,2}))?\s*%", re.ASCII)
_CAPTURED = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class PatternText(Scalar):
    r"""A pattern: `*` any bytes, `?` one byte, `\*` a star."""

    metavar: str = "PATTERN"

    def parse(self, raw: object, *, text: bool) -> Pattern:
        if not isinstance(raw, str):
            quoted = " (write it in quotes)" if isinstance(raw, (int, float)) else ""
            raise ValueError(f"{expected('a pattern', raw)}{quoted}")
        return parse(raw)

    def plain(self, value: Pattern) -> str:
        return value.text

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


_PATTERNS = Many(PatternText())


@dataclass(frozen=True)
class Match:
    """Conditions, and the map that they were written as."""

    conditions: tuple[Condition, ...] = ()
    written: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Matching(Scalar):
    """The map under `match`."""

    metavar: str = "MAP"

    def parse(self, raw: object, *, text: bool) -> Match:
        return Match(_conditions(raw), dict(raw) if isinstance(raw, Mapping) else {})

    def plain(self, value: Match) -> Any:
        return dict(value.written)

    def schema(self) -> dict[str, Any]:
        patterns = _PATTERNS.schema()
        by_name = {"type": "object", "additionalProperties": patterns}
        return {
            "type": "object",
            "properties": {
                "topic": patterns,
                "frame": by_name,
                "json": by_name,
                "larger": {"type": ["string", "integer"]},
                "not": {"type": "object"},
            },
            "additionalProperties": False,
        }


def _conditions(raw: object) -> tuple[Condition, ...]:
    if not isinstance(raw, Mapping) or not raw:
        raise ValueError(f"expected conditions like `topic: 'eu.*'`, not {called(raw)}")
    made: list[Condition] = []
    for key, value in raw.items():
        if key not in MATCHES:
            hint = near(key, MATCHES) or f"; known are {', '.join(MATCHES)}"
            raise MisplacedError(f"unknown key {key!r}{hint}", key, of_key=True)
        try:
            made += _condition(key, value)
        except ValueError as error:
            raise within(error, key) from None
    return tuple(made)


def _condition(key: str, value: Any) -> list[Condition]:
    if key == "topic":
        return [FrameMatch(0, _patterns(value))]
    if key == "larger":
        return [Larger(_size(value))]
    if key == "not":
        return [Not(_conditions(value))]
    if not isinstance(value, Mapping) or not value:
        what = "numbers of frames" if key == "frame" else "paths of fields"
        raise ValueError(f"expected {what} and their patterns, not {called(value)}")
    made: list[Condition] = []
    for name, patterns in value.items():
        try:
            made.append(_frame(name, patterns) if key == "frame" else _field(name, patterns))
        except ValueError as error:
            raise within(error, name) from None
    return made


def _frame(name: str, patterns: Any) -> FrameMatch:
    return FrameMatch(_number(name), _patterns(patterns))


def _field(name: str, patterns: Any) -> FieldMatch:
    path = tuple(part.encode() for part in name.split("."))
    if b"" in path:
        raise ValueError(f"{name!r} is not a field path; write it like order.priority")
    return FieldMatch(path, _patterns(patterns))


def _patterns(value: Any) -> tuple[Pattern, ...]:
    """Parse patterns. `true` and `5` of YAML become the words that JSON writes."""
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    if not items:
        raise ValueError("expected at least one pattern")
    return tuple(_pattern(item) for item in items)


def _pattern(item: object) -> Pattern:
    if isinstance(item, bool):
        return parse("true" if item else "false")
    if item is None:
        return parse("null")
    if isinstance(item, (int, float)):
        return parse(repr(item))
    if not isinstance(item, str):
        raise expected("a pattern", item)
    return parse(item)


def _size(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise expected("a size like 4096, 64KiB or 1MB", value)
    return parse_size(str(value))


def _number(raw: object) -> int:
    try:
        number = int(str(raw))
    except ValueError:
        raise ValueError(
            f"{raw!r} is not a frame number; 0 is the first frame, -1 the last"
        ) from None
    if abs(number) > FURTHEST:
        raise ValueError(f"{raw} is too far; at most {FURTHEST}")
    return number


@dataclass(frozen=True)
class Share(Scalar):
    """A share like `10%`, kept in hundredths of a percent."""

    metavar: str = "PERCENT"

    def parse(self, raw: object, *, text: bool) -> int:
        found = _SHARE.fullmatch(raw) if isinstance(raw, str) else None
        if found is None:
            raise expected("a share like 10% or 0.5%", raw)
        part = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))
        if not 0 < part <= WHOLE:
            raise ValueError(f"{raw} is out of range; above 0%, and at most 100%")
        return part

    def plain(self, value: int) -> str:
        whole, rest = divmod(value, 100)
        return f"{whole}.{rest:02}".rstrip("0").rstrip(".") + "%"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^\d+(\.\d{1,2})?\s*%$"}


@dataclass(frozen=True)
class PerSecond(Scalar):
    """A rate like `100/s`, kept in messages a second."""

    metavar: str = "RATE"

    def parse(self, raw: object, *, text: bool) -> int:
        found = _RATE.fullmatch(raw) if isinstance(raw, str) else None
        if found is None:
            raise expected("a rate like 100/s", raw)
        most = int(found[1])
        if not 0 < most <= FASTEST:
            raise ValueError(f"{raw} is out of range; at least 1/s")
        return most

    def plain(self, value: int) -> str:
        return f"{value}/s"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^\d+\s*/\s*s$"}


@dataclass(frozen=True)
class KeyFrame(Scalar):
    """`topic`, or the number of a frame."""

    metavar: str = "topic|N"

    def parse(self, raw: object, *, text: bool) -> int:
        if isinstance(raw, bool) or not isinstance(raw, (str, int)):
            raise expected("topic or the number of a frame", raw)
        return 0 if raw == "topic" else _number(raw)

    def plain(self, value: int) -> Any:
        return value or "topic"

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"enum": ["topic"]}, {"type": "integer"}]}


@dataclass(frozen=True)
class NewName(Scalar):
    """A new first frame; `{1}` is what the first `*` matched."""

    metavar: str = "TEXT"

    def parse(self, raw: object, *, text: bool) -> Rename:
        if not isinstance(raw, str):
            raise expected("text", raw)
        found = list(_CAPTURED.finditer(raw))
        if any(one[1] != "1" for one in found) or len(found) > 1:
            raise ValueError(f"{raw!r}: only {{1}} is allowed, once")
        if not found:
            return Rename(raw.encode())
        return Rename(raw[: found[0].start()].encode(), True, raw[found[0].end() :].encode())

    def plain(self, value: Rename) -> str:
        middle = "{1}" if value.captured else ""
        return f"{value.before.decode()}{middle}{value.after.decode()}"

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


@dataclass(frozen=True)
class RouteSpec:
    """The keys of a route."""

    name: str | None = option(Text(metavar="NAME"), help="In statistics. Default: its number.")
    match: Match | None = option(
        Matching(), help="What a message must be like: topic, frame, json, larger, not."
    )
    share: int = option(Share(), default=WHOLE, help="Take this part of what matches.")
    rate: int = option(PerSecond(), default=0, help="Take at most so many a second.")
    by: int | None = option(
        KeyFrame(), help="The key of share, rate and pick hash: topic, or a frame's number."
    )
    to: tuple[str, ...] = option(
        Many(Text()), default=("backend",), help="A backend, a list of them, or drop."
    )
    pick: str = option(
        Choice(choices=("all", "first", "next", "hash")),
        default="all",
        help="Which of a list: each, the first that has room, in turn, or by the key.",
    )
    copy: bool = option(
        Flag(), default=False, help="It gets a copy, and the next routes see the message too."
    )
    on_full: str | None = option(
        Choice(choices=("block", "drop", "next")),
        help="When the backend is full: wait, drop, or go on with the next route. Default: the "
        "device's; drop for a copy.",
    )
    rename: Rename | None = option(
        NewName(), help="The new first frame; {1} is what the first * of the topic matched."
    )


@dataclass(frozen=True)
class RouteTest:
    """A message, and the backends that it should go to."""

    message: tuple[str, ...] = option(Many(Text()), default=(), help="Its frames.")
    to: tuple[str, ...] = option(
        Many(Text()), default=(), help="The backends that get it, or drop."
    )
