"""A part of a file, resolved: its options with every default, and where each was written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from zmqdev.errors import UsageError
from zmqdev.options import endpoint_check
from zmqdev.options.device import DeviceSpec
from zmqdev.options.document import Node
from zmqdev.options.endpoint import ENDPOINTS, AnyEndpoint
from zmqdev.options.kind import KINDS
from zmqdev.options.layer import Entry, Layer, Written, build, file_layer, leaf_at, spread_settings
from zmqdev.options.option import as_class, options_of, sections_of
from zmqdev.options.part_options import LifeOptions, own_spec
from zmqdev.options.parts import Draft
from zmqdev.options.queue import QueueSpec, resolve_device
from zmqdev.options.side import Side
from zmqdev.options.sockopt import SOCKET_OPTIONS
from zmqdev.options.variables import Expanded

# Most findings of one part; the rest appear once these are fixed.
MOST_PROBLEMS = 50
PartSpec = DeviceSpec | AnyEndpoint
LIFE_KEYS = frozenset({*options_of(LifeOptions), *sections_of(LifeOptions)})


@dataclass(frozen=True)
class Part:
    """A resolved part.

    `spec` is what its command has, `life` its options as a part. `asked` is what the
    file says of it, as a map that can be loaded; it contains secrets.
    """

    name: str
    base: str
    category: str
    kind: str
    spec: PartSpec
    life: LifeOptions
    written: Written
    place: str
    asked: dict[str, Any]

    @property
    def device(self) -> DeviceSpec | None:
        """Return the settings of a device; None for an endpoint."""
        return self.spec if isinstance(self.spec, DeviceSpec) else None

    @property
    def addressed(self) -> tuple[tuple[str, Side], ...]:
        """Return (side name, side) of everything with addresses.

        A device has at least two, an endpoint one. `path` returns the key of a side's
        options.
        """
        if isinstance(self.spec, DeviceSpec):
            return tuple(self.spec.sides.items())
        return (("", self.spec),)

    def path(self, side: str) -> str:
        """Return the prefix of a side's options: `frontend.`, `backends.eu.`, empty for
        an endpoint."""
        device = self.device
        return f"{device.path(side)}." if side and device is not None else ""

    @property
    def keeping(self) -> QueueSpec | None:
        """Return the settings of a queue that keeps each request until it is answered,
        else None."""
        queue = self.spec if isinstance(self.spec, QueueSpec) else None
        return queue if queue is not None and queue.reliable.enabled else None

    @property
    def keeps(self) -> bool:
        """Whether it is a reliable queue."""
        return self.keeping is not None

    def at(self, *paths: str) -> str:
        """Return where the first of these options was written, else where the part begins."""
        return self.written.place(*paths) or self.place


def resolve(draft: Draft) -> Part:
    """Resolve a part; UsageError names the first mistake."""
    layer = layer_of(draft)
    made: tuple[object, Written] = build(draft.spec, [layer], str(draft.place))
    whole, written = made
    spec: PartSpec = as_class(own_spec(draft.category, draft.kind), whole)
    if isinstance(spec, DeviceSpec):
        spec = resolve_device(KINDS[draft.kind], spec, written)
    else:
        spec = endpoint_check.resolve(ENDPOINTS[draft.kind], spec, written)
    return Part(
        draft.name,
        draft.base,
        draft.category,
        draft.kind,
        spec,
        as_class(LifeOptions, whole),
        written,
        str(draft.place),
        {draft.category: draft.kind, **_loadable(draft.spec, layer)},
    )


def examine(draft: Draft) -> tuple[Part | None, list[UsageError]]:
    """Return the part and all its mistakes.

    Each wrong entry is left out and the rest is looked at again.
    """
    problems: list[UsageError] = []
    nodes = draft.nodes
    while len(problems) < MOST_PROBLEMS:
        try:
            made = resolve(replace(draft, nodes=nodes))
            return (None if problems else made), problems
        except UsageError as error:
            problems.append(error)
            left = tuple(_without(node, error.place or "") for node in nodes)
            if left == nodes:
                break
            nodes = left
    return None, problems


def layer_of(draft: Draft) -> Layer:
    """Return what the file says of the part, over its defaults."""
    layer: Layer = {("name",): Entry(draft.name, str(draft.place), text=False)}
    for node in draft.nodes:
        found = file_layer(draft.spec, node, ignore=(draft.category,))
        given = found.get(("set",))
        if given is not None:
            words = given.raw if isinstance(given.raw, list) else [given.raw]
            found[("set",)] = replace(given, raw=[str(word) for word in words])
            found = spread_settings(draft.spec, found)
        layer.update(found)
    return {path: _as_text(entry) for path, entry in layer.items()}


def _as_text(entry: Entry) -> Entry:
    """Mark values of variables as text, whatever they look like, as on a command line."""
    raw = entry.raw if isinstance(entry.raw, list) else [entry.raw]
    return replace(entry, text=True) if any(isinstance(item, Expanded) for item in raw) else entry


def _loadable(spec: type, layer: Layer) -> dict[str, Any]:
    """Return a layer as the file of a single command, without the keys of parts."""
    made: dict[str, Any] = {}
    for path, entry in layer.items():
        if path[0] in LIFE_KEYS:
            continue
        value = entry.raw
        if entry.text:
            type_ = _type_at(spec, path)
            value = type_.plain(type_.parse(entry.raw, text=True))
        _put(made, path, value)
    return made


def _put(made: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        made = made.setdefault(key, {})
    made[path[-1]] = value


def _type_at(spec: type, path: tuple[str, ...]) -> Any:
    try:
        return leaf_at(spec, path).option.type
    except KeyError:
        return SOCKET_OPTIONS[path[-1]].type


def _without(node: Node, place: str) -> Node:
    """Return the tree without the entry whose key or value is at `place`."""
    if not node.is_map:
        return node
    kept = {
        key: _without(item, place)
        for key, at, item in node.items()
        if place.split(" ")[0] not in (str(at), str(item.place), *_item_places(item))
    }
    return node if kept == node.value else replace(node, value=kept)


def _item_places(node: Node) -> Iterator[str]:
    if isinstance(node.value, tuple):
        yield from (str(item.place) for item in node.value)
