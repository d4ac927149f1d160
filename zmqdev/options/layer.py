"""Settings built from layers, of which later ones override earlier ones.

A layer is what one source says: {path: entry}. The order is default, file, environment,
flag. An entry keeps its place, so that an error found later can name it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from zmqdev.errors import UsageError
from zmqdev.options.document import Node
from zmqdev.options.option import (
    Leaf,
    Named,
    Path,
    leaves,
    named_of,
    options_of,
    section_at,
    sections_of,
    value_of,
)
from zmqdev.options.rows import MisplacedError
from zmqdev.options.side import SocketSide
from zmqdev.options.sockopt import SOCKET_OPTIONS, parse_setting
from zmqdev.options.suggest import near
from zmqdev.options.types import called

T = TypeVar("T")
# Names occur in flags, columns and `SIDE.OPTION`, so they contain no dot and no blank.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", re.ASCII)


@dataclass(frozen=True)
class Entry:
    """A value as it was written, and its place."""

    raw: Any
    place: str
    text: bool  # from a flag or the environment, where everything is text
    node: Node | None = None  # the node it was read from, for places inside it


Layer = dict[Path, Entry]


@dataclass(frozen=True)
class Written:
    """Where each option of a spec was written; options left at their default are missing."""

    places: Mapping[Path, str] = field(default_factory=dict)
    fallback: str | None = None
    nodes: Mapping[Path, Node] = field(default_factory=dict)

    def place(self, *paths: Path | str) -> str | None:
        """Return the place of the first of these paths that was written.

        A string is a path with dots.
        """
        for path in paths:
            key = tuple(path.split(".")) if isinstance(path, str) else path
            if key in self.places:
                return self.places[key]
        return self.fallback

    def inside(self, path: str, way: Sequence[str | int], *, of_key: bool = False) -> str | None:
        """Return the place of something inside an option's value, as far as it can be followed."""
        key = tuple(path.split("."))
        node = self.nodes.get(key)
        return self.place(key) if node is None else inside(node, way, of_key=of_key)

    def under(self, other: Written) -> Written:
        """Return these places, with those of another file for what this one lacks."""
        nodes = {**other.nodes, **self.nodes}
        return Written({**other.places, **self.places}, self.fallback, nodes)

    def says(self, *above: str) -> bool:
        """Whether anything of the section at this path was written."""
        return any(path[: len(above)] == above for path in self.places)


def inside(node: Node, way: Sequence[str | int], *, of_key: bool = False) -> str:
    """Return the place at the end of the way; with `of_key`, that of its last key."""
    place = node.place
    for step in way:
        found = node.value
        if isinstance(found, dict) and step in found:
            place = node.keys[str(step)] if of_key and step is way[-1] else found[step].place
            node = found[str(step)]
        elif isinstance(found, tuple) and isinstance(step, int) and step < len(found):
            node = found[step]
            place = node.place
        else:
            break
    return str(place)


def takes_sockopts(spec: type) -> bool:
    """Whether a spec has socket options."""
    return issubclass(spec, SocketSide)


def file_layer(spec: type, node: Node, ignore: Iterable[str] = ()) -> Layer:
    """Return what a file says of one device or endpoint, without the keys in `ignore`."""
    layer: Layer = {}
    _map_layer(spec, node, (), frozenset(ignore), layer)
    return layer


def _map_layer(spec: type, node: Node, above: Path, ignore: frozenset[str], layer: Layer) -> None:
    if not node.is_map:
        where = ".".join(above) or "the file"
        found = f"{where}: expected keys and values, not {called(_bare(node))}"
        raise UsageError(found + _wanted(spec, node, above), str(node.place))
    for key, at, value in node.items():
        if not above and key in ignore:
            continue
        _key_layer(spec, key, value, str(at), above, layer)


def _wanted(spec: type, node: Node, above: Path) -> str:
    """Return the fix for an address in place of a side's map; empty elsewhere."""
    if not above or not takes_sockopts(spec) or not isinstance(node.value, str):
        return ""
    return f"; write {above[-1]}: {{bind: {node.value}}} or {{connect: {node.value}}}"


def _key_layer(spec: type, key: str, value: Node, at: str, above: Path, layer: Layer) -> None:
    nested = sections_of(spec).get(key)
    path = (*above, key)
    if nested is not None:
        shorthand = nested[1].shorthand
        if shorthand is not None and not value.is_map:
            path = (*path, shorthand)
            layer[path] = Entry(value.plain(), str(value.place), text=False)
        else:
            _map_layer(nested[1].spec, value, path, frozenset(), layer)
    elif key in named_of(spec):
        _named_layer(named_of(spec)[key][1], value, path, layer)
    elif key in options_of(spec) or (takes_sockopts(spec) and key in SOCKET_OPTIONS):
        layer[path] = Entry(value.plain(), str(value.place), text=False, node=value)
    else:
        raise UsageError(f"{_where(above)}unknown key {key!r}{_nearest(spec, key)}", at)


def _named_layer(declared: Named, node: Node, path: Path, layer: Layer) -> None:
    """Read a map by name. Each name gets an entry, so that one without keys is noticed."""
    where = ".".join(path)
    if not node.is_map:
        raise UsageError(
            f"{where}: expected names and their keys, not {called(_bare(node))}", str(node.place)
        )
    for name, at, value in node.items():
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{where}: {name!r} is not a valid name; use letters, digits, '-' and '_'", str(at)
            )
        if name in declared.reserved:
            raise UsageError(f"{where}: {name!r} means something else; choose another", str(at))
        below = (*path, name)
        layer[below] = Entry({}, str(at), text=False)
        _map_layer(declared.spec, value, below, frozenset(), layer)


def _bare(node: Node) -> object:
    return [] if isinstance(node.value, tuple) else node.value


def _where(above: Path) -> str:
    return f"{'.'.join(above)}: " if above else ""


def known_keys(spec: type) -> list[str]:
    """Return all keys that a spec accepts."""
    own = [*options_of(spec), *sections_of(spec), *named_of(spec)]
    return own + (list(SOCKET_OPTIONS) if takes_sockopts(spec) else [])


def _nearest(spec: type, key: str) -> str:
    known = known_keys(spec)
    suggestion = near(key, known)
    if suggestion:
        return suggestion
    own = ", ".join(sorted([*options_of(spec), *sections_of(spec), *named_of(spec)]))
    return f"; known are {own}" + (" and socket options" if takes_sockopts(spec) else "")


def environment_layer(spec: type, command: str, environ: Mapping[str, str]) -> Layer:
    """Return what `ZMQDEV_<COMMAND>_<OPTION>` say. Lists are split at blanks."""
    layer: Layer = {}
    for leaf in leaves(spec):
        name = leaf.variable(command)
        if leaf.flag and name in environ:
            value = environ[name]
            raw: Any = value.split() if leaf.option.type.many else value
            layer[leaf.path] = Entry(raw, name, text=True)
    return spread_settings(spec, layer)


def flag_layer(spec: type, values: Mapping[Path, Any]) -> Layer:
    """Return what flags say, given {path: text, list of texts or True}."""
    flags = {leaf.path: leaf.flag for leaf in leaves(spec)}
    layer = {path: Entry(raw, flags[path], text=True) for path, raw in values.items()}
    return spread_settings(spec, layer)


def spread_settings(spec: type, layer: Layer) -> Layer:
    """Turn `--set frontend.sndhwm=5000` into an entry at ("frontend", "sndhwm")."""
    given = layer.pop(("set",), None)
    for text in given.raw if given else ():
        assert given is not None
        path, raw = _setting(spec, text, given.place)
        layer[path] = Entry(raw, f"{given.place} {text}", text=True)
    return layer


def _setting(spec: type, text: str, place: str) -> tuple[Path, str]:
    try:
        key, raw = parse_setting(text)
    except ValueError as error:
        raise UsageError(str(error), place) from None
    *above, name = key.split(".")
    sides = [side for side, (_, nested) in sections_of(spec).items() if takes_sockopts(nested.spec)]
    if len(above) == 1 and above[0] not in sides and named_of(spec):
        (key,) = named_of(spec)  # the name is checked once all layers are known
        above = [key, *above]
    elif sides and (len(above) != 1 or above[0] not in sides):
        one = " or ".join(f"{side}.{name}" for side in sides)
        raise UsageError(f"{text!r} names no side; write {one}", place)
    if not sides and above:
        raise UsageError(f"{text!r}: write {name}=VALUE; there is one socket", place)
    if name not in SOCKET_OPTIONS:
        raise UsageError(f"unknown socket option {name!r}{near(name, SOCKET_OPTIONS)}", place)
    return (*above, name), raw


def build(spec: type[T], layers: Iterable[Layer], fallback: str | None = None) -> tuple[T, Written]:
    """Build a spec from layers, and return it with the places of its options."""
    merged: Layer = {}
    for layer in layers:
        merged.update(layer)
    made: T = _build(spec, merged, ())
    places = {path: entry.place for path, entry in merged.items()}
    nodes = {path: entry.node for path, entry in merged.items() if entry.node is not None}
    return made, Written(places, fallback, nodes)


def _build(spec: type, layer: Layer, above: Path) -> Any:
    values: dict[str, Any] = {}
    for key, (name, declared, _) in options_of(spec).items():
        entry = layer.get((*above, key))
        if entry is not None:
            values[name] = _parse(declared.type, entry, (*above, key))
    for key, (name, nested) in sections_of(spec).items():
        values[name] = _build(nested.spec, layer, (*above, key))
    for key, (name, declared_map) in named_of(spec).items():
        path = (*above, key)
        inner: type = declared_map.spec
        values[name] = {
            word: _build(inner, layer, (*path, word))
            for word in _names(layer, path, sections_of(spec))
        }
    if takes_sockopts(spec):
        values["sockopts"] = _sockopts(layer, above, options_of(spec))
    return spec(**values)


def _names(layer: Layer, above: Path, sections: Iterable[str]) -> Iterator[str]:
    """Yield the names below `above`; UsageError for a setting of an unknown name."""
    deep = len(above)
    below = {path: entry for path, entry in layer.items() if path[:deep] == above}
    known = [path[deep] for path in below if len(path) == deep + 1]
    for path, entry in below.items():
        if path[deep] not in known:
            hint = near(path[deep], [*known, *sections]) or (
                f"; known are {', '.join(known)}" if known else ""
            )
            raise UsageError(f"no side is called {path[deep]!r}{hint}", entry.place)
    yield from known


def _sockopts(layer: Layer, above: Path, declared: Mapping[str, Any]) -> dict[str, Any]:
    """Parse socket options, except names that the spec declares itself, like a sender's `rate`."""
    return {
        path[-1]: _parse(SOCKET_OPTIONS[path[-1]].type, entry, path)
        for path, entry in layer.items()
        if path[:-1] == above and path[-1] in SOCKET_OPTIONS and path[-1] not in declared
    }


def _parse(type_: Any, entry: Entry, path: Path) -> Any:
    try:
        return type_.parse(entry.raw, text=entry.text)
    except ValueError as error:
        where = "" if entry.text else f"{'.'.join(path)}: "
        place = entry.place
        if isinstance(error, MisplacedError):
            where = f"{'.'.join(path)}."
            if entry.node is not None:
                place = inside(entry.node, error.inside, of_key=error.of_key)
        raise UsageError(f"{where}{error}", place) from None


def plain(made: Any) -> dict[str, Any]:
    """Return a spec as a map that can be loaded: options that are not None, without secrets."""
    spec: type = type(made)
    result: dict[str, Any] = {}
    for key, (name, declared, _) in options_of(spec).items():
        value = value_of(made, name)
        if declared.secret or value is None or value == () or key == "set":
            continue
        result[key] = declared.type.plain(value)
    for key, (name, _) in sections_of(spec).items():
        nested = plain(value_of(made, name))
        if nested:
            result[key] = nested
    for key, (name, _) in named_of(spec).items():
        if value_of(made, name):
            result[key] = {word: plain(side) for word, side in value_of(made, name).items()}
    if takes_sockopts(spec):
        result |= {k: SOCKET_OPTIONS[k].type.plain(v) for k, v in made.sockopts.items()}
    return result


def leaf_at(spec: type, path: Path) -> Leaf:
    """Return the option at `path`; KeyError when there is none."""
    inner = section_at(spec, path[:-1])
    _, declared, default = options_of(inner)[path[-1]]
    return Leaf(path, declared, default)
