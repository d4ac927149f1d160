"""A list of maps whose keys are declared, like `routes`: each row is a spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zmqdev.options.option import options_of, value_of
from zmqdev.options.suggest import near
from zmqdev.options.types import Scalar, expected
from zmqdev.options.variables import Expanded


class MisplacedError(ValueError):
    """Something inside a value is wrong; `inside` is the way to it by rows and keys.

    `of_key`: the key itself is wrong, not its value.
    """

    def __init__(self, message: str, *inside: str | int, of_key: bool = False) -> None:
        super().__init__(message)
        self.inside, self.of_key = inside, of_key


def within(error: ValueError, key: str | int) -> MisplacedError:
    """Return the same error one level further out."""
    if not isinstance(error, MisplacedError):
        return MisplacedError(f"{shown(key)}: {error}", key)
    named = len(error.inside) > error.of_key  # whether the message begins with a path
    return MisplacedError(
        f"{shown(key)}{'.' if named else ': '}{error}", key, *error.inside, of_key=error.of_key
    )


def shown(key: str | int) -> str:
    """Return a key as text; rows count from 1, as in `ctl NAME routes`."""
    return str(key + 1) if isinstance(key, int) else key


@dataclass(frozen=True)
class Rows(Scalar):
    """A list of maps, each with the options of `spec`."""

    spec: type = object
    metavar: str = "LIST"

    def parse(self, raw: object, *, text: bool) -> tuple[Any, ...]:
        if not isinstance(raw, (list, tuple)):
            raise expected("a list", raw)
        made = []
        for number, item in enumerate(raw):
            try:
                made.append(self._row(item))
            except ValueError as error:
                raise within(error, number) from None
        return tuple(made)

    def plain(self, value: Any) -> Any:
        return [self._plain(row) for row in value]

    def schema(self) -> dict[str, Any]:
        properties = {
            key: {"description": declared.help, **declared.type.schema()}
            for key, (_, declared, _) in options_of(self.spec).items()
        }
        row = {"type": "object", "properties": properties, "additionalProperties": False}
        return {"type": "array", "items": row}

    def _row(self, item: object) -> Any:
        if not isinstance(item, Mapping):
            raise expected("keys and values", item)
        known, values = options_of(self.spec), {}
        for key, raw in item.items():
            if key not in known:
                hint = near(key, known) or f"; known are {', '.join(known)}"
                raise MisplacedError(f"unknown key {key!r}{hint}", key, of_key=True)
            name, declared, _ = known[key]
            try:
                values[name] = declared.type.parse(raw, text=isinstance(raw, Expanded))
            except ValueError as error:
                raise within(error, key) from None
        return self.spec(**values)

    def _plain(self, row: Any) -> dict[str, Any]:
        return {
            key: declared.type.plain(value_of(row, name))
            for key, (name, declared, default) in options_of(self.spec).items()
            if value_of(row, name) != default
        }
