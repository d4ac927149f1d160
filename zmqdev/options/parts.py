"""A file as named parts: includes followed, defaults laid under, variables filled in.

    include: others.yaml                  files whose parts belong here too
    defaults:                             for every part that has the option
      drain: 2s
      devices: {control: off}             for devices alone
      queue: {frontend: {sndhwm: 5000}}   for one kind alone
    parts:
      requests: {device: queue}
      workers: {endpoint: worker, replicas: 4}

The narrower default goes before the wider one, the part before all, and a
file's own defaults before those of the file that includes it. A file that is a
single device or endpoint is a file with one part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from zmqdev.errors import UsageError
from zmqdev.options.defaults import under, unknown_defaults
from zmqdev.options.document import Node, Place
from zmqdev.options.fleet import FleetSpec
from zmqdev.options.layer import known_keys
from zmqdev.options.option import options_of
from zmqdev.options.part_options import CATEGORIES, kinds, part_spec
from zmqdev.options.suggest import near
from zmqdev.options.variables import expand

Load = Callable[[str, str], tuple[str, Node]]
"""(path as written, name of the including file) -> (name of the included file, its tree)."""

STRUCTURE = ("parts", "defaults", "include")
DEEPEST = 16
MOST_PARTS = 5000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)
_LINE = re.compile(r":\d+:\d+$")


@dataclass(frozen=True)
class Draft:
    """What a file says of one part: its map and the defaults under it, most general first."""

    name: str
    base: str
    category: str
    kind: str
    nodes: tuple[Node, ...]
    place: Place

    @property
    def spec(self) -> type:
        """Return the spec class of the part."""
        return part_spec(self.category, self.kind)


@dataclass
class Sheet:
    """Everything that a file and its includes say. `problems` are in the order of reading."""

    top: Node
    drafts: list[Draft] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    problems: list[UsageError] = field(default_factory=list)


def draft(top: Node, name: str, load: Load, values: Mapping[str, str]) -> Sheet:
    """Read the file `name`, whose tree is `top`; wrong parts are left out and listed."""
    sheet = Sheet(top)
    reader = _Reader(sheet, load, values)
    reader.file(top, name, (), ())
    if not sheet.drafts and not sheet.problems:
        sheet.problems.append(UsageError("the file has no parts", str(top.place)))
    return sheet


class _Reader:
    def __init__(self, sheet: Sheet, load: Load, values: Mapping[str, str]) -> None:
        self.sheet, self.load, self.values = sheet, load, values
        self.named: dict[str, Place] = {}

    def file(self, top: Node, name: str, above: tuple[Node, ...], chain: tuple[str, ...]) -> None:
        self.sheet.files.append(name)
        if not top.is_map:
            self.wrong("expected keys and values, like `parts:`", top.place)
            return
        if any(category in top.value for category in CATEGORIES):
            self.alone(top, above)
            return
        if _is_one_part(top):
            self.kind(top)
            return
        self.check_top(top)
        shared = self.shared(top, above)
        for path in self.included(top):
            self.include(path, name, shared, (*chain, name))
        parts = top.value.get("parts")
        if parts is None:
            return
        if not parts.is_map:
            self.wrong(
                "parts: expected names and parts; write each as `NAME: {device: KIND}`", parts.place
            )
            return
        for key, at, node in parts.items():
            self.part(key, at, node, shared)

    def check_top(self, top: Node) -> None:
        known = [*STRUCTURE, *known_keys(FleetSpec)]
        for key, at, _ in top.items():
            if key not in known:
                hint = near(key, known) or f"; known are {', '.join(sorted(known))}"
                self.wrong(f"unknown key {key!r}{hint}", at)

    def shared(self, top: Node, above: tuple[Node, ...]) -> tuple[Node, ...]:
        node = top.value.get("defaults")
        if node is None:
            return above
        if not node.is_map:
            self.wrong("defaults: expected keys and values", node.place)
            return above
        for error in unknown_defaults(node):
            self.sheet.problems.append(error)
        return (*above, node)

    def included(self, top: Node) -> Iterator[Node]:
        node = top.value.get("include")
        if node is None:
            return
        items = node.value if isinstance(node.value, tuple) else (node,)
        for item in items:
            try:
                filled = expand(item, self.values)
            except UsageError as error:
                self.sheet.problems.append(error)
                continue
            if isinstance(filled.value, str) and filled.value:
                yield filled
            else:
                self.wrong("include: expected the name of a file, or a list of names", item.place)

    def include(
        self, path: Node, name: str, shared: tuple[Node, ...], chain: tuple[str, ...]
    ) -> None:
        try:
            found, top = self.load(path.value, name)
        except UsageError as error:
            self.sheet.problems.append(_of_include(error, path))
            return
        if found in chain or len(chain) > DEEPEST:
            self.wrong(f"include: {path.value} includes itself", path.place)
        elif found in self.sheet.files:
            self.wrong(f"include: {path.value} is included twice", path.place)
        else:
            self.file(top, found, shared, chain)

    def alone(self, top: Node, shared: tuple[Node, ...]) -> None:
        """Read a file that is one device or endpoint.

        Its part is called by its `name`, or by its kind if the name is not valid for a
        part: a command accepts any name, which it only prints.
        """
        found = self.kind(top)
        if found is None:
            return
        said = top.value.get("name")
        own = said.value if said is not None and isinstance(said.value, str) else ""
        word = own if _NAME.fullmatch(own) else found[1]
        self.part(word, said.place if said is not None else top.place, top, shared)

    def part(self, name: str, at: Place, node: Node, shared: tuple[Node, ...]) -> None:
        if not _NAME.fullmatch(name):
            self.wrong(f"{name!r} is not a valid name; use letters, digits, '-', '_' and '.'", at)
            return
        if not node.is_map:
            self.wrong(f"{name}: expected keys and values, like `device: queue`", node.place)
            return
        found = self.kind(node, name)
        if found is None:
            return
        try:
            self.add(name, at, found, (*under(shared, *found), node))
        except UsageError as error:
            self.sheet.problems.append(error)

    def kind(self, node: Node, name: str = "") -> tuple[str, str] | None:
        """Return (category, kind); None, with a problem listed, when it is wrong."""
        said = [category for category in CATEGORIES if category in node.value]
        head = f"{name}: " if name else ""
        if len(said) != 1:
            what = "is both a device and an endpoint" if said else "has no kind"
            self.wrong(
                f"{head}the part {what}; write `device: KIND` or `endpoint: KIND`", node.place
            )
            return None
        word = node.value[said[0]]
        known = CATEGORIES[said[0]]
        if isinstance(word.value, str) and word.value in known:
            return said[0], word.value
        other = kinds().get(str(word.value))
        hint = near(str(word.value), known) or f"; known are {', '.join(known)}"
        if other is not None:
            hint = f"; write `{other}: {word.value}`"
        self.wrong(f"{head}no {said[0]} {word.value!r}{hint}", word.place)
        return None

    def add(self, name: str, at: Place, kind: tuple[str, str], nodes: tuple[Node, ...]) -> None:
        count = self.replicas(name, nodes)
        if count is None:
            self.one(name, name, at, kind, nodes, "1")
            return
        for number in range(1, count + 1):
            self.one(f"{name}-{number}", name, at, kind, nodes, str(number))

    def replicas(self, name: str, nodes: tuple[Node, ...]) -> int | None:
        """Return how many replicas are asked for; None if not said, so that the name
        stays as it is."""
        for node in reversed(nodes):
            if "replicas" in node.value:
                said = expand(node.value["replicas"], self.values)
                try:
                    _, declared, _ = options_of(part_spec("device", "queue"))["replicas"]
                    return int(declared.type.parse(said.value, text=isinstance(said.value, str)))
                except ValueError as error:
                    raise UsageError(f"{name}: replicas: {error}", str(said.place)) from None
        return None

    def one(
        self,
        name: str,
        base: str,
        at: Place,
        kind: tuple[str, str],
        nodes: tuple[Node, ...],
        number: str,
    ) -> None:
        if name in self.named:
            raise UsageError(f"a second part {name!r}; the first is at {self.named[name]}", str(at))
        if len(self.named) >= MOST_PARTS:
            raise UsageError(f"more than {MOST_PARTS} parts", str(at))
        self.named[name] = at
        values = {**self.values, "REPLICA": number}
        filled = tuple(expand(node, values) for node in nodes)
        self.sheet.drafts.append(Draft(name, base, *kind, filled, at))

    def wrong(self, message: str, place: Place) -> None:
        self.sheet.problems.append(UsageError(message, str(place)))


def _is_one_part(top: Node) -> bool:
    """Whether a file without kind and parts has the sides of a device."""
    return not {"parts", "include"} & top.value.keys() and bool(
        {"frontend", "backend"} & top.value.keys()
    )


def _of_include(error: UsageError, path: Node) -> UsageError:
    """Return the error of an included file, at its line, or at the include if it has none."""
    if error.place and _LINE.search(error.place):
        return error
    return UsageError(f"include: {path.value}: {error.message}", str(path.place))
