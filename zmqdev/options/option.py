"""The declaration of options.

An option is one field of a frozen dataclass, made with `option(...)`. A field made with
`section(...)` holds another such dataclass: its options are one level down in YAML
(`stats: {interval: 1s}`), and their flags begin with the section's name
(`--frontend-bind`) unless they declare another flag. A field made with `named(...)`
holds any number of them by name, in files only (`backends: {eu: {bind: ...}}`). Flags,
YAML keys, environment variables, checks, help, `--print-config`, the tables in the
README and the JSON Schema all come from these declarations.
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
    """How a value is written. `flag` None derives it from the path, "" means that there is none."""

    type: ValueType
    help: str
    flag: str | None = None
    short: str | None = None
    group: str = "Options"
    secret: bool = False  # never shown: not in --print-config, logs or status
    example: str | None = None


@dataclass(frozen=True)
class Section:
    """A nested dataclass. `shorthand` names the option that a bare scalar sets."""

    spec: type
    help: str
    shorthand: str | None = None


@dataclass(frozen=True)
class Named:
    """A map of nested dataclasses by names that users choose; `reserved` names are refused."""

    spec: type
    help: str
    reserved: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Leaf:
    """One option within a spec: its path from the top, and its default."""

    path: Path
    option: Option
    default: Any

    @property
    def key(self) -> str:
        """Return the path as a key."""
        return ".".join(self.path)

    @property
    def flag(self) -> str:
        """Return `--frontend-bind`, or "" without a flag."""
        named = self.option.flag
        return "--" + "-".join(self.path) if named is None else named

    def variable(self, command: str) -> str:
        """Return the environment variable that sets it for a command."""
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
    """Declare a dataclass field that is an option."""
    declared = Option(type, help, flag, short, group, secret, example)
    return field(default=default, metadata={_OPTION: declared})


def section(spec: type, *, help: str, shorthand: str | None = None) -> Any:
    """Declare a dataclass field that holds a nested spec."""
    return field(default_factory=spec, metadata={_SECTION: Section(spec, help, shorthand)})


def named(spec: type, *, help: str, reserved: frozenset[str] = frozenset()) -> Any:
    """Declare a dataclass field that holds a map of nested specs by name."""
    return field(default_factory=dict, metadata={_NAMED: Named(spec, help, reserved)})


def key_of(name: str) -> str:
    """Return the key of a field: `on_full` is written `on-full`."""
    return name.rstrip("_").replace("_", "-")


@cache
def options_of(spec: type) -> Mapping[str, tuple[str, Option, Any]]:
    """Return {key: (field name, option, default)} of the options at this level."""
    return {
        key_of(item.name): (item.name, item.metadata[_OPTION], item.default)
        for item in dataclasses.fields(spec)
        if _OPTION in item.metadata
    }


@cache
def sections_of(spec: type) -> Mapping[str, tuple[str, Section]]:
    """Return {key: (field name, section)} of the sections at this level."""
    return {
        key_of(item.name): (item.name, item.metadata[_SECTION])
        for item in dataclasses.fields(spec)
        if _SECTION in item.metadata
    }


@cache
def named_of(spec: type) -> Mapping[str, tuple[str, Named]]:
    """Return {key: (field name, Named)} of the maps by name at this level."""
    return {
        key_of(item.name): (item.name, item.metadata[_NAMED])
        for item in dataclasses.fields(spec)
        if _NAMED in item.metadata
    }


def value_of(made: object, name: str) -> Any:
    """Return the value of a declared field, or its default if `made` is a class.

    `name` is a field name from `options_of`, `sections_of`, `named_of`, or of the
    dataclass.
    """
    return getattr(made, name)


def as_class(spec: type[T], made: object) -> T:
    """Return the part of a spec that one of its base classes declares."""
    kind: Any = spec
    return spec(**{item.name: value_of(made, item.name) for item in dataclasses.fields(kind)})


def leaves(spec: type, above: Path = ()) -> Iterator[Leaf]:
    """Yield every option of a spec class, including those of its sections."""
    for key, (_, declared, default) in options_of(spec).items():
        yield Leaf((*above, key), declared, default)
    for key, (_, nested) in sections_of(spec).items():
        yield from leaves(nested.spec, (*above, key))


def leaves_of(made: object) -> Iterator[Leaf]:
    """Yield every option of a spec, including those of its maps by name."""
    kind: type = type(made)
    yield from leaves(kind)
    for key, (name, by_name) in named_of(kind).items():
        for word in value_of(made, name):
            yield from leaves(by_name.spec, (key, word))


def section_at(spec: type, path: Path) -> type:
    """Return the spec class of the section at `path`; KeyError when there is none."""
    for at, key in enumerate(path):
        if key in named_of(spec) and at + 1 < len(path):
            return section_at(named_of(spec)[key][1].spec, path[at + 2 :])
        spec = sections_of(spec)[key][1].spec
    return spec
