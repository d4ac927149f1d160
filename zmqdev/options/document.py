"""YAML as a tree that records where each value was written.

PyYAML's composer gives line and column of every node, but its loader accepts duplicate
keys and expands aliases without limit. So the nodes are walked here: duplicate keys,
keys that are not text, and more values than a configuration needs are errors with
`file:line:column`.

libyaml composes the same nodes sixteen times as fast as Python. Files that libyaml
refuses, or accepts too easily, are read by Python, so the result is the same on every
machine, also without libyaml. Only the column of an empty value may differ, by the
blanks before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from zmqdev.errors import UsageError

# Far more than any configuration has, and far fewer than an alias bomb makes of 1 kB.
MOST_VALUES = 100_000
DEEPEST = 32
LARGEST = 16 * 2**20
# Depth at which composing stops, because both parsers recurse. It is more than DEEPEST
# so that a value just beyond that still has a place in its message.
COMPOSED = 3 * DEEPEST
# Where libyaml differs from Python: a tab between tokens, a `?` in a flow map, byte
# order marks.
DISPUTED = (b"\t", b"?", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Place:
    """Where something was written; line and column count from 1."""

    name: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.line}:{self.column}" if self.line else self.name


@dataclass(frozen=True)
class Node:
    """A value and its place. `value` is a scalar, a tuple of nodes, or a dict of nodes."""

    value: Any
    place: Place
    keys: dict[str, Place] = field(default_factory=dict)

    @property
    def is_map(self) -> bool:
        """Whether the value is a map."""
        return isinstance(self.value, dict)

    def items(self) -> Iterator[tuple[str, Place, Node]]:
        """Yield (key, place of the key, value) of a map."""
        for key, node in self.value.items():
            yield key, self.keys[key], node

    def plain(self) -> Any:
        """Return the tree as plain Python values."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value


def read(content: bytes, name: str) -> Node:
    """Parse one YAML (or JSON) document; `name` is the file in messages."""
    import yaml

    if len(content) > LARGEST:
        raise UsageError(f"{len(content)} bytes is no configuration; the most is {LARGEST}", name)
    try:
        root = _composed(content)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UsageError(_problem(error), str(_place(name, mark) if mark else name)) from None
    except yaml.reader.ReaderError as error:
        raise UsageError(_not_text(content, error), name) from None
    except _TooDeepError:
        raise UsageError("nested too deeply", name) from None
    if root is None:
        raise UsageError("the file is empty; it needs at least `device: KIND`", name)
    return _Walk(name).node(root, 0)


class _TooDeepError(Exception):
    """The document is nested too deeply."""


def _composed(content: bytes) -> Any:
    """Return the root node, None for an empty document; errors are those of PyYAML's parser."""
    import yaml

    fast, thorough = _loaders()
    if fast is not None and not any(sign in content for sign in DISPUTED):
        try:
            return yaml.compose(content, Loader=fast)
        except yaml.YAMLError as error:
            if "nesting depth" in str(error):
                raise _TooDeepError from None
    return yaml.compose(content, Loader=thorough)


@cache
def _loaders() -> tuple[Any, Any]:
    """Return libyaml's loader, or None if PyYAML was built without it, and Python's loader."""
    import yaml

    class Shallow:
        """Counts levels; composers call both methods."""

        level = 0

        def descend_resolver(self, parent: Any, index: Any) -> None:
            self.level += 1
            if self.level > COMPOSED:
                raise _TooDeepError

        def ascend_resolver(self) -> None:
            self.level -= 1

    fast = getattr(yaml, "CSafeLoader", None)
    return (
        type("Fast", (Shallow, fast), {}) if fast is not None else None,
        type("Thorough", (Shallow, yaml.SafeLoader), {}),
    )


def _problem(error: Any) -> str:
    parts = [str(part) for part in (error.problem, error.note) if part]
    return "not YAML: " + "; ".join(parts or ["cannot be read"])


def _not_text(content: bytes, error: Any) -> str:
    position = getattr(error, "position", 0)
    line = content[:position].count(b"\n") + 1
    return f"not a text file: byte {position} in line {line} is not part of YAML"


def _place(name: str, mark: Any) -> Place:
    return Place(name, mark.line + 1, mark.column + 1)


class _Walk:
    """One walk over the composed nodes, which counts the values it makes."""

    def __init__(self, name: str) -> None:
        from yaml.constructor import SafeConstructor

        self.name = name
        self.made = 0
        self.construct = SafeConstructor()

    def node(self, node: Any, depth: int) -> Node:
        import yaml

        place = _place(self.name, node.start_mark)
        self.made += 1
        if self.made > MOST_VALUES or depth > DEEPEST:
            raise UsageError("too many values, or nested too deeply; aliases multiply", str(place))
        if isinstance(node, yaml.MappingNode):
            return self.map(node, place, depth)
        if isinstance(node, yaml.SequenceNode):
            return Node(tuple(self.node(item, depth + 1) for item in node.value), place)
        return Node(self.scalar(node, place), place)

    def map(self, node: Any, place: Place, depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        for key_node, value_node in node.value:
            at = _place(self.name, key_node.start_mark)
            key = self.key(key_node, at)
            if key in keys:
                raise UsageError(f"duplicate key {key!r}; first in line {keys[key].line}", str(at))
            keys[key] = at
            values[key] = self.node(value_node, depth + 1)
        return Node(values, place, keys)

    def key(self, node: Any, at: Place) -> str:
        if not hasattr(node, "style"):
            raise UsageError("a key must be a word, not a list or map", str(at))
        if node.tag == "tag:yaml.org,2002:merge":
            raise UsageError("merge keys ('<<') are not supported; use `defaults:`", str(at))
        # YAML 1.1 takes `on` and `off` for booleans; keys are kept as words.
        return str(node.value)

    def scalar(self, node: Any, place: Place) -> Any:
        from yaml.constructor import ConstructorError

        try:
            value = self.construct.construct_object(node)
        except (ConstructorError, ValueError) as error:
            problem = getattr(error, "problem", None) or str(error)
            raise UsageError(f"not a plain value: {problem}", str(place)) from None
        if value is not None and not isinstance(value, (str, int, float, bool)):
            # Dates, binaries and sexagesimal numbers are kept as the text that was
            # written.
            return str(node.value)
        return value
