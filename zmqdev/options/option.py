"""Declaring an option, once.

An option is one field of a frozen dataclass, made with `option(...)`. A field
made with `section(...)` holds another such dataclass: its options sit one
level down in YAML (`stats: {interval: 1s}`) and carry the section's name in
front in flags (`--frontend-bind`) unless they name a flag of their own. A field
made with `named(...)` holds any number of them by name, in a file alone
(`backends: {eu: {bind: ...}}`). Flags, YAML keys, environment variables, checks,
help, `--print-config`, the tables in the README and the JSON Schema are read from
the result of `leaves`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from zmqdev.options.types import ValueType

Path = tuple[str, ...]
T = TypeVar("T")
_OPTION = "zmqdev.option"
_SECTION = "zmqdev.section"
_NAMED = "zmqdev.named"


@dataclass(frozen=True)
class Option:
    """How one value is written. `flag` None derives it from the path, "" means none."""

    type: ValueType
    help: str
    flag: str | None = None
    short: str | None = None
    group: str = "Options"
    secret: bool = False  # never shown: not in --print-config, logs or status
    example: str | None = None


@dataclass(frozen=True)
class Section:
    """A nested dataclass. `shorthand` names the option that a bare scalar stands for."""

    spec: type
    help: str
    shorthand: str | None = None


@dataclass(frozen=True)
class Named:
    """A map of nested dataclasses by names that people choose; `reserved` are not to be had."""

    spec: type
    help: str
    reserved: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Leaf:
    """One option where it stands: its path from the top, its default."""

    path: Path
    option: Option
    default: Any

    @property
    def key(self) -> str:
        return ".".join(self.path)

    @property
    def flag(self) -> str:
        """`--frontend-bind`, or "" when it has no flag."""
        named = self.option.flag
        return "--" + "-".join(self.path) if named is None else named

    def variable(self, command: str) -> str:
        """The environment variable that sets it for a command."""
        return f"ZMQDEV_{command}_{self.flag[2:]}".replace("-", "_").upper()


def option(
    type: ValueType,
    *,
    default: Any = None,
    help: str,
    flag: str | None = None,
    short: str | None = None,
    group: str = "Options",
    secret: bool = False,
    example: str | None = None,
) -> Any:
    """A dataclass field that is an option."""
    declared = Option(type, help, flag, short, group, secret, example)
    return field(default=default, metadata={_OPTION: declared})


def section(spec: type, *, help: str, shorthand: str | None = None) -> Any:
    """A dataclass field that holds a nested spec."""
    return field(default_factory=spec, metadata={_SECTION: Section(spec, help, shorthand)})


def named(spec: type, *, help: str, reserved: frozenset[str] = frozenset()) -> Any:
    """A dataclass field that holds a map of nested specs by name."""
    return field(default_factory=dict, metadata={_NAMED: Named(spec, help, reserved)})


def key_of(name: str) -> str:
    """The word for a field: `on_full` is written `on-full`."""
    return name.rstrip("_").replace("_", "-")


@cache
def options_of(spec: type) -> Mapping[str, tuple[str, Option, Any]]:
    """key -> (field name, option, default) of the options at this level."""
    return {
        key_of(item.name): (item.name, item.metadata[_OPTION], item.default)
        for item in dataclasses.fields(spec)
        if _OPTION in item.metadata
    }


@cache
def sections_of(spec: type) -> Mapping[str, tuple[str, Section]]:
    """key -> (field name, section) of the sections at this level."""
    return {
        key_of(item.name): (item.name, item.metadata[_SECTION])
        for item in dataclasses.fields(spec)
        if _SECTION in item.metadata
    }


@cache
def named_of(spec: type) -> Mapping[str, tuple[str, Named]]:
    """key -> (field name, Named) of the maps by name at this level."""
    return {
        key_of(item.name): (item.name, item.metadata[_NAMED])
        for item in dataclasses.fields(spec)
        if _NAMED in item.metadata
    }


def value_of(made: object, name: str) -> Any:
    """The value of a declared field: of a spec, or of a spec class its default. `name` is one of
    `options_of`, `sections_of` or `named_of`, or of `dataclasses.fields`."""
    return getattr(made, name)


def as_class(spec: type[T], made: object) -> T:
    """The part of a spec that one of its base classes declares."""
    kind: Any = spec
    return spec(**{item.name: value_of(made, item.name) for item in dataclasses.fields(kind)})


def leaves(spec: type, above: Path = ()) -> Iterator[Leaf]:
    """Every option of a spec class, with those of its sections."""
    for key, (_, declared, default) in options_of(spec).items():
        yield Leaf((*above, key), declared, default)
    for key, (_, nested) in sections_of(spec).items():
        yield from leaves(nested.spec, (*above, key))


def leaves_of(made: object) -> Iterator[Leaf]:
    """Every option of a spec, with those of what it has by name."""
    kind: type = type(made)
    yield from leaves(kind)
    for key, (name, by_name) in named_of(kind).items():
        for word in value_of(made, name):
            yield from leaves(by_name.spec, (key, word))


def section_at(spec: type, path: Path) -> type:
    """The spec class of the section at `path`; KeyError when there is none."""
    for at, key in enumerate(path):
        if key in named_of(spec) and at + 1 < len(path):
            return section_at(named_of(spec)[key][1].spec, path[at + 2 :])
        spec = sections_of(spec)[key][1].spec
    return spec
