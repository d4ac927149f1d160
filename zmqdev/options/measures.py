"""Types of options with units: durations, sizes, speeds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from zmqdev.options.quantity import format_duration, format_size, parse_duration, parse_size
from zmqdev.options.types import Integer, Plain, Scalar, expected


@dataclass(frozen=True)
class Speed(Scalar):
    """A speed as a multiple of the recorded one: a float, infinity for `max`. Flag alone: 1."""

    metavar: str = "[2x|max]"
    alone: str = "1x"

    def parse(self, raw: object, *, text: bool) -> float:
        if raw == "max":
            return math.inf
        if isinstance(raw, str):
            try:
                raw = float(raw.removesuffix("x"))
            except ValueError:
                raise expected("a speed like 2x, 0.5x or max", raw) from None
        elif raw is True and not text:
            raw = 1.0
        if not isinstance(raw, int | float) or isinstance(raw, bool):
            raise expected("a speed like 2x, 0.5x or max", raw)
        if not math.isfinite(raw) or raw <= 0:
            raise ValueError(f"a speed of {raw:g} is out of range; it must be above zero, or max")
        return float(raw)

    def plain(self, value: float) -> Plain:
        return "max" if math.isinf(value) else f"{value:g}x"

    def schema(self) -> dict[str, Any]:
        number = {"type": "number", "exclusiveMinimum": 0}
        return {
            "anyOf": [number, {"const": True}, {"type": "string", "pattern": "^(max|[0-9.]+x?)$"}]
        }


@dataclass(frozen=True)
class Duration(Scalar):
    """A duration in float seconds; `positive` refuses zero."""

    metavar: str = "DURATION"
    positive: bool = False

    def parse(self, raw: object, *, text: bool) -> float:
        if isinstance(raw, (int, float)) and not isinstance(raw, bool):
            raw = repr(raw)
        if not isinstance(raw, str):
            raise expected("a duration like 200ms, 5s or 1m", raw)
        seconds = parse_duration(raw)
        if self.positive and seconds == 0:
            raise ValueError("must be more than zero")
        return seconds

    def plain(self, value: float) -> Plain:
        return format_duration(value)

    def schema(self) -> dict[str, Any]:
        return {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^\s*(\d+(\.\d+)?|\.\d+)\s*(us|ms|s|m|h|d)?\s*$"},
            ]
        }


@dataclass(frozen=True)
class Size(Scalar):
    """A size in bytes within bounds; `unlimited` accepts -1 for no limit, as libzmq does."""

    metavar: str = "SIZE"
    unlimited: bool = False
    least: int = 0
    most: int | None = None

    def parse(self, raw: object, *, text: bool) -> int:
        if self.unlimited and raw in (-1, "-1"):
            return -1
        if isinstance(raw, int) and not isinstance(raw, bool):
            raw = str(raw)
        if not isinstance(raw, str):
            raise expected("a size like 4096, 64KiB or 1MB", raw)
        size = parse_size(raw)
        if size < self.least:
            raise ValueError(f"{raw} is too small; the least is {format_size(self.least)}")
        if self.most is not None and size > self.most:
            raise ValueError(f"{raw} is too large; the most is {format_size(self.most)}")
        return size

    def plain(self, value: int) -> Plain:
        return value if value < 0 else format_size(value)

    def schema(self) -> dict[str, Any]:
        size = r"^\s*(\d+(\.\d+)?|\.\d+)\s*([kKmMgG][iI]?[bB]?|[bB])?\s*$"
        number = {"type": "integer", "minimum": -1 if self.unlimited else self.least}
        if self.most is not None:
            number["maximum"] = self.most
        return {"anyOf": [number, {"type": "string", "pattern": size}]}


@dataclass(frozen=True)
class Milliseconds(Scalar):
    """A time option of libzmq in milliseconds, a bare number or with a unit; -1 if allowed."""

    least: int = 0
    metavar: str = "MS"

    def parse(self, raw: object, *, text: bool) -> int:
        value = raw
        if isinstance(raw, str) and not raw.strip().lstrip("-").isdigit():
            value = round(parse_duration(raw) * 1000)
        return Integer(self.least, 2**31 - 1).parse(value, text=True)

    def schema(self) -> dict[str, Any]:
        return {
            "anyOf": [
                {"type": "integer", "minimum": self.least},
                {"type": "string", "pattern": r"^-?\s*[\d.]+\s*(us|ms|s|m|h|d)?$"},
            ]
        }
