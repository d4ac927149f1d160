"""Types of options: one small class a type. Those with units are in `measures.py`, addresses and
files in `places.py`.

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

from zmqdev.options.escapes import escape, unescape
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
