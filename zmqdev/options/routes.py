"""Routes as they are written: in the file of a device, or in that of `--routes FILE`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zmqdev.errors import UsageError
from zmqdev.options.document import read
from zmqdev.options.hook_file import HookFile, hook_file
from zmqdev.options.layer import Written, build, file_layer
from zmqdev.options.option import named, option
from zmqdev.options.places import AGAIN, FileName
from zmqdev.options.route import RouteSpec, RouteTest
from zmqdev.options.rows import Rows
from zmqdev.options.side import RESERVED, Backend

REST, DROP = "backend", "drop"


@dataclass(frozen=True)
class RoutesOrFile(FileName):
    """A list of routes, or the name of a file with them; see RoutingFile."""

    change: str = AGAIN

    def parse(self, raw: object, *, text: bool) -> Any:
        if isinstance(raw, (list, tuple)):
            return Rows(spec=RouteSpec).parse(raw, text=text)
        return super().parse(raw, text=text)

    def path(self, value: Any) -> str | None:
        return value if isinstance(value, str) else None

    def plain(self, value: Any) -> Any:
        return value if isinstance(value, str) else Rows(spec=RouteSpec).plain(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, Rows(spec=RouteSpec).schema()]}


@dataclass(frozen=True)
class RoutingFile:
    """The content of `--routes FILE`."""

    backends: Mapping[str, Backend] = named(
        Backend, help="More backends, by names of your own.", reserved=RESERVED
    )
    routes: tuple[RouteSpec, ...] = option(Rows(spec=RouteSpec), default=(), help="The routes.")
    tests: tuple[RouteTest, ...] = option(
        Rows(spec=RouteTest), default=(), help="Messages and where they go."
    )


@dataclass(frozen=True)
class Rules:
    """Routes and their tests, and where they were written.

    `of_file` are the backends that the file of the routes declares. `hook` is a
    function used in place of routes.
    """

    routes: tuple[RouteSpec, ...]
    tests: tuple[RouteTest, ...]
    backends: Mapping[str, Backend]
    written: Written
    of_file: Mapping[str, Backend] = field(default_factory=dict)
    hook: HookFile | None = None


def read_rules(path: str, place: str | None = None) -> Rules:
    """Read the file at `path`; `place` is where that name was written."""
    hook = hook_file(path)
    if hook is not None:
        hook.compiled(place)
        return Rules((), (), {}, Written(), hook=hook)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        why = (error.strerror or "it cannot be read").lower()
        raise UsageError(f"cannot read {path}: {why}", place) from None
    layer = file_layer(RoutingFile, read(content, path), ignore=("device",))
    made, written = build(RoutingFile, [layer], path)
    return Rules(made.routes, made.tests, made.backends, written)
