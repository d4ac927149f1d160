"""The `defaults:` of a file: applied to its parts; keys that no part has are refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from zmqdev.errors import UsageError
from zmqdev.options.document import Node
from zmqdev.options.layer import known_keys, takes_sockopts
from zmqdev.options.option import options_of, sections_of
from zmqdev.options.part_options import kinds, part_spec
from zmqdev.options.sockopt import SOCKET_OPTIONS
from zmqdev.options.suggest import near

GROUPS = {"devices": "device", "endpoints": "endpoint"}


def under(shared: tuple[Node, ...], category: str, kind: str) -> Iterator[Node]:
    """Yield the defaults for a part, most general first.

    Defaults for all parts are reduced to the options that this part has.
    """
    spec = part_spec(category, kind)
    group = next(name for name, one in GROUPS.items() if one == category)
    for node in shared:
        nested = {*GROUPS, *kinds()}
        wide = {key: item for key, item in node.value.items() if key not in nested}
        yield _fitting(replace(node, value=wide), spec)
        if group in node.value:
            yield _fitting(node.value[group], spec)
        if kind in node.value and node.value[kind].is_map:
            yield node.value[kind]


def _fitting(node: Node, spec: type) -> Node:
    """Return the node with only the keys that this spec has."""
    kept: dict[str, Node] = {}
    for key, item in node.value.items() if node.is_map else ():
        nested = sections_of(spec).get(key)
        if nested is not None and item.is_map:
            kept[key] = _fitting(item, nested[1].spec)
        elif nested is not None or _takes(spec, key):
            kept[key] = item
    return replace(node, value=kept)


def _takes(spec: type, key: str) -> bool:
    return key in options_of(spec) or (takes_sockopts(spec) and key in SOCKET_OPTIONS)


def unknown_defaults(node: Node) -> Iterator[UsageError]:
    """Yield errors: keys for all, or for a group, that no part has, and values that
    should be maps."""
    every = [part_spec(category, kind) for kind, category in kinds().items()]
    for key, at, item in node.items():
        if key in GROUPS or key in kinds():
            if not item.is_map:
                yield UsageError(f"defaults.{key}: expected keys and values", str(item.place))
            elif key in GROUPS:
                own = [part_spec(c, kind) for kind, c in kinds().items() if c == GROUPS[key]]
                yield from _unknown_in(item, own, f"defaults.{key}")
        elif not any(_takes(spec, key) or key in sections_of(spec) for spec in every):
            known = {word for spec in every for word in known_keys(spec)}
            hint = near(key, [*known, *GROUPS, *kinds()])
            yield UsageError(f"defaults: no part has {key!r}{hint}", str(at))


def _unknown_in(node: Node, specs: list[type], where: str) -> Iterator[UsageError]:
    for key, at, _ in node.items():
        if not any(_takes(spec, key) or key in sections_of(spec) for spec in specs):
            known = {word for spec in specs for word in known_keys(spec)}
            yield UsageError(f"{where}: unknown key {key!r}{near(key, known)}", str(at))
