"""Types of options: one small class a type.

`parse` takes what was written and gives the value, or raises ValueError with
a message that names the fix. What was written is text from a flag or the
environment (`text=True`), or a YAML scalar or list (`text=False`): YAML has
types of its own, so a number where text belongs is an error there and not
silently made text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from zmqdev.options import address, store_url
from zmqdev.options.escapes import escape, unescape
from zmqdev.options.quantity import format_duration, format_size, parse_duration, parse_size
from zmqdev.options.suggest import near

Plain = Any  # what YAML and JSON can hold


class ValueType(Protocol):
    """A type of option: reading, writing back, and how help and schema name it."""

    @property
    def metavar(self) -> str: ...

    @property
    def many(self) -> bool: ...

    def parse(self, raw: object, *, text: bool) -> Any: ...

    def plain(self, value: Any) -> Plain: ...

    def schema(self) -> dict[str, Any]: ...


def called(raw: object) -> str:
    """What YAML took a value for, in words."""
    names = {bool: "true/false", int: "a number", float: "a number", str: "text"}
    names |= {list: "a list", dict: "a map", type(None): "nothing"}
    return names.get(type(raw), type(raw).__name__)


def expected(what: str, raw: object) -> ValueError:
    shown = "" if raw is None or isinstance(raw, (list, dict)) else f" {raw!r}"
    return ValueError(f"expected {what}, not {called(raw)}{shown}")


def _check_unicode(text: str, errors: str) -> None:
    try:
        text.encode(errors=errors)
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} is not UTF-8 text") from None


@dataclass(frozen=True)
class Scalar:
    many: ClassVar[bool] = False

    def plain(self, value: Any) -> Plain:
        return value


@dataclass(frozen=True)
class Text(Scalar):
    """Text in UTF-8. `any_bytes`: other bytes are kept, each as a lone surrogate (PEP 383)."""

    metavar: str = "TEXT"
    any_bytes: bool = False

    def parse(self, raw: object, *, text: bool) -> str:
        if isinstance(raw, str):
            _check_unicode(raw, "surrogateescape" if self.any_bytes else "strict")
            return raw
        quoted = " (write it in quotes)" if isinstance(raw, (int, float)) else ""
        raise ValueError(f"{expected('text', raw)}{quoted}")

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


@dataclass(frozen=True)
class StoreName(Text):
    """A file, or a database by its URL. A password in it is not written back: it would be in a
    file that was asked for, and in logs."""

    metavar: str = "FILE|URL"
    any_bytes: bool = True

    def plain(self, value: str) -> Plain:
        return store_url.without_password(value)


# What it takes when a file has changed: the part reads it again, or starts anew, or nothing,
# because it holds messages and not settings.
AGAIN, ANEW, NOTHING = "again", "anew", "nothing"


@dataclass(frozen=True)
class FileName(Text):
    """A file, or a directory of files, that is read.

    `mark`: only what begins with it is a file, the rest is the value itself. `or_value`: it may
    be the value itself, and is a file when there is one of that name.
    """

    metavar: str = "FILE"
    any_bytes: bool = True
    change: str = ANEW
    mark: str = ""
    or_value: bool = False

    def path(self, value: str) -> str | None:
        """The file that is meant, None when the value is none."""
        if not value.startswith(self.mark):
            return None
        return value.removeprefix(self.mark)


@dataclass(frozen=True)
class Prefix(Text):
    """A subscription: the first bytes of a message. Bytes, written as text with escapes."""

    metavar: str = "PREFIX"
    any_bytes: bool = True

    def parse(self, raw: object, *, text: bool) -> bytes:  # type: ignore[override]
        return unescape(super().parse(raw, text=text))

    def plain(self, value: bytes) -> Plain:
        return escape(value)


@dataclass(frozen=True)
class Flag(Scalar):
    metavar: str = ""

    def parse(self, raw: object, *, text: bool) -> bool:
        words = {"1": True, "true": True, "yes": True, "on": True}
        words |= {"0": False, "false": False, "no": False, "off": False}
        if isinstance(raw, bool):
            return raw
        if text and isinstance(raw, str) and raw.lower() in words:
            return words[raw.lower()]
        raise expected("true or false", raw)

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Integer(Scalar):
    least: int | None = None
    most: int | None = None
    metavar: str = "N"

    def parse(self, raw: object, *, text: bool) -> int:
        if text and isinstance(raw, str):
            try:
                raw = int(raw)
            except ValueError:
                raise expected("a whole number", raw) from None
        if not isinstance(raw, int) or isinstance(raw, bool):
            raise expected("a whole number", raw)
        if self.least is not None and raw < self.least:
            raise ValueError(f"{raw} is too small; the least is {self.least}")
        if self.most is not None and raw > self.most:
            raise ValueError(f"{raw} is too large; the most is {self.most}")
        return raw

    def schema(self) -> dict[str, Any]:
        bounds = {"minimum": self.least, "maximum": self.most}
        return {"type": "integer"} | {k: v for k, v in bounds.items() if v is not None}


@dataclass(frozen=True)
class IntegerOrAlone(Integer):
    """A flag whose number may be left out: `--demand` is `--demand 1`."""

    alone: int = 1


@dataclass(frozen=True)
class Number(Scalar):
    """A finite number above zero (or from zero on, with `zero`)."""

    metavar: str = "N"
    zero: bool = False

    def parse(self, raw: object, *, text: bool) -> float:
        if text and isinstance(raw, str):
            try:
                raw = float(raw)
            except ValueError:
                raise expected("a number", raw) from None
        if not isinstance(raw, (int, float)) or isinstance(raw, bool):
            raise expected("a number", raw)
        if not math.isfinite(raw) or raw < 0 or (raw == 0 and not self.zero):
            raise ValueError(f"{raw} is out of range; it must be above zero")
        return float(raw)

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum" if self.zero else "exclusiveMinimum": 0}


@dataclass(frozen=True)
class Speed(Scalar):
    """How many times as fast as it was: a float, infinity for `max`. Alone: 1."""

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
    """Float seconds. `positive` refuses zero."""

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
    """Int bytes. `unlimited` lets -1 mean no limit, as libzmq does."""

    metavar: str = "SIZE"
    unlimited: bool = False

    def parse(self, raw: object, *, text: bool) -> int:
        if self.unlimited and raw in (-1, "-1"):
            return -1
        if isinstance(raw, int) and not isinstance(raw, bool):
            raw = str(raw)
        if not isinstance(raw, str):
            raise expected("a size like 4096, 64KiB or 1MB", raw)
        return parse_size(raw)

    def plain(self, value: int) -> Plain:
        return value if value < 0 else format_size(value)

    def schema(self) -> dict[str, Any]:
        size = r"^\s*(\d+(\.\d+)?|\.\d+)\s*([kKmMgG][iI]?[bB]?|[bB])?\s*$"
        least = -1 if self.unlimited else 0
        return {
            "anyOf": [{"type": "integer", "minimum": least}, {"type": "string", "pattern": size}]
        }


@dataclass(frozen=True)
class Milliseconds(Scalar):
    """A libzmq time option: int milliseconds, as a bare number or with a unit; -1 where allowed."""

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


@dataclass(frozen=True)
class Choice(Scalar):
    choices: tuple[str, ...] = ()
    metavar: str = ""
    upper: bool = False  # socket types are written in any case and kept in capitals

    def parse(self, raw: object, *, text: bool) -> str:
        # YAML 1.1 reads a bare `off` as false; where `off` is a choice that is what was meant.
        if raw is False and "off" in self.choices:
            return "off"
        if not isinstance(raw, str):
            raise expected(f"one of {', '.join(self.choices)}", raw)
        word = raw.upper() if self.upper else raw
        if word not in self.choices:
            raise ValueError(
                f"{raw!r} is not one of {', '.join(self.choices)}{near(word, self.choices)}"
            )
        return word

    def schema(self) -> dict[str, Any]:
        words = list(self.choices)
        known: dict[str, Any] = {"enum": words}
        if self.upper:
            known = {"enum": words + [word.lower() for word in words]}
        if "off" in words:  # JSON Schema validators see YAML's bare `off` as false
            known = {"enum": [*words, False]}
        return known


@dataclass(frozen=True)
class Address(Scalar):
    """A ZeroMQ address to `bind` or to `connect`, checked before libzmq sees it."""

    verb: str = "connect"
    metavar: str = "ADDRESS"

    def parse(self, raw: object, *, text: bool) -> str:
        if isinstance(raw, int) and not isinstance(raw, bool):
            raw = str(raw)  # a port alone
        if not isinstance(raw, str):
            raise expected("an address like tcp://127.0.0.1:5555", raw)
        return address.check(raw, self.verb)

    def schema(self) -> dict[str, Any]:
        short = r"@|([^:/]*|\[.*\]):?(\d+|\*)$"
        return {
            "type": ["string", "integer"],
            "pattern": rf"^((tcp|ipc|inproc|tipc)://|{short})",
        }


@dataclass(frozen=True)
class AddressOrOff(Address):
    """An address to bind, or `off`."""

    verb: str = "bind"
    metavar: str = "ADDRESS|off"

    def parse(self, raw: object, *, text: bool) -> str:
        # YAML 1.1 reads a bare `off` as false.
        return "off" if raw is False or raw == "off" else super().parse(raw, text=text)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [super().schema(), {"enum": ["off", False]}]}


@dataclass(frozen=True)
class HostPort(Scalar):
    """Where something else than ZeroMQ listens: `127.0.0.1:9090`, `[::1]:9090`, `*:9090`."""

    metavar: str = "HOST:PORT"

    def parse(self, raw: object, *, text: bool) -> str:
        if isinstance(raw, int) and not isinstance(raw, bool):
            raw = str(raw)
        if not isinstance(raw, str):
            raise expected("a host and port like 127.0.0.1:9090", raw)
        if raw.isdigit() or raw.startswith(":"):
            raw = address.in_full(raw).removeprefix("tcp://")
        address.split(f"tcp://{raw}", "bind")
        return raw

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^(.*:)?(\d+|\*)$"}


@dataclass(frozen=True)
class Many:
    """A list of one type. A flag is repeated, an environment variable is split at blanks."""

    item: ValueType
    many: ClassVar[bool] = True

    @property
    def metavar(self) -> str:
        return self.item.metavar

    def parse(self, raw: object, *, text: bool) -> tuple[Any, ...]:
        items = list(raw) if isinstance(raw, (list, tuple)) else [raw]
        return tuple(self.item.parse(item, text=text) for item in items)

    def plain(self, value: tuple[Any, ...]) -> Plain:
        return [self.item.plain(item) for item in value]

    def schema(self) -> dict[str, Any]:
        item = self.item.schema()
        return {"anyOf": [item, {"type": "array", "items": item}]}


@dataclass(frozen=True)
class Count(Integer):
    """A flag that counts itself: `-vv` is 2."""

    least: int | None = 0
    metavar: str = ""
