"""Types of options: one small class each.

Types with units are in `measures.py`, addresses and files in `places.py`. `parse` turns
what was written into the value, or raises ValueError with a message that names the fix.
What was written is text from a flag or the environment (`text=True`), or a YAML scalar
or list (`text=False`). YAML has types, so a number where text is expected is an error
there, and not silently turned into text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from zmqdev.options.escapes import escape, unescape
from zmqdev.options.suggest import near

Plain = Any  # what YAML and JSON can hold


class ValueType(Protocol):
    """A type of option: how it is parsed, written back, and named in help and schema."""

    @property
    def metavar(self) -> str:
        """Return the placeholder in help texts."""
        ...

    @property
    def many(self) -> bool:
        """Whether the option is repeatable."""
        ...

    def parse(self, raw: object, *, text: bool) -> Any:
        """Return the value; ValueError names the fix."""
        ...

    def plain(self, value: Any) -> Plain:
        """Return the value as YAML or JSON can hold it."""
        ...

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of what may be written."""
        ...


def called(raw: object) -> str:
    """Return in words what YAML took a value for."""
    names = {bool: "true/false", int: "a number", float: "a number", str: "text"}
    names |= {list: "a list", dict: "a map", type(None): "nothing"}
    return names.get(type(raw), type(raw).__name__)


def expected(what: str, raw: object) -> ValueError:
    """Return an error that says what was expected."""
    shown = "" if raw is None or isinstance(raw, (list, dict)) else f" {raw!r}"
    return ValueError(f"expected {what}, not {called(raw)}{shown}")


def _check_unicode(text: str, errors: str) -> None:
    try:
        text.encode(errors=errors)
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} is not UTF-8 text") from None


@dataclass(frozen=True)
class Scalar:
    """A type of single values."""

    many: ClassVar[bool] = False

    def plain(self, value: Any) -> Plain:
        return value


@dataclass(frozen=True)
class Text(Scalar):
    """Text in UTF-8. `any_bytes` keeps other bytes, each as a lone surrogate (PEP 383)."""

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
    """A subscription: the first bytes of a message, written as text with escapes."""

    metavar: str = "PREFIX"
    any_bytes: bool = True

    def parse(self, raw: object, *, text: bool) -> bytes:  # type: ignore[override]
        return unescape(super().parse(raw, text=text))

    def plain(self, value: bytes) -> Plain:
        return escape(value)


@dataclass(frozen=True)
class Flag(Scalar):
    """True or false; a flag without a value."""

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
    """A whole number within bounds."""

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
    """A flag whose number may be left out: `--demand` means `--demand 1`."""

    alone: int = 1


@dataclass(frozen=True)
class Number(Scalar):
    """A finite number above zero, or with `zero` from zero on."""

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
    """One of several words."""

    choices: tuple[str, ...] = ()
    metavar: str = ""
    upper: bool = False  # accept any case and keep capitals, for socket types

    def parse(self, raw: object, *, text: bool) -> str:
        # YAML 1.1 reads a bare `off` as false; if `off` is a choice, it is meant.
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
    """A list of one type. A flag is repeated; an environment variable is split at blanks."""

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
    """A flag that is counted: `-vv` is 2."""

    least: int | None = 0
    metavar: str = ""
