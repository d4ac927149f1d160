"""The settings that `set` can change while a device runs, declared as a table."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from zmqdev.control.protocol import Refused
from zmqdev.control.target import Settable
from zmqdev.errors import Unchangeable
from zmqdev.options.measures import Duration
from zmqdev.options.quantity import format_duration
from zmqdev.options.route import PatternText
from zmqdev.options.routes import RoutesOrFile
from zmqdev.options.suggest import near
from zmqdev.options.types import Choice, Integer, Many, ValueType, expected


@dataclass(frozen=True)
class Level:
    """A log level as a number and as the options -q and -v; see report/log.py."""

    number: int
    quiet: bool
    verbose: int


LEVELS = {
    "error": Level(40, True, 0),
    "warning": Level(30, False, 0),
    "info": Level(20, False, 1),
    "settings": Level(15, False, 2),
    "debug": Level(10, False, 3),
}


@dataclass(frozen=True)
class AsJson:
    """A list, written in JSON. `of` is the type of the list, and parses any other text."""

    of: ValueType
    many: bool = False

    @property
    def metavar(self) -> str:
        return self.of.metavar

    def parse(self, raw: object, *, text: bool) -> Any:
        if not (text and isinstance(raw, str) and raw.lstrip().startswith("[")):
            return self.of.parse(raw, text=text)
        try:
            return self.of.parse(json.loads(raw), text=False)
        except json.JSONDecodeError:
            raise expected("a list in JSON", raw) from None

    def plain(self, value: Any) -> Any:
        return self.of.plain(value)

    def schema(self) -> dict[str, Any]:
        return self.of.schema()


@dataclass(frozen=True)
class Setting:
    """A setting that `set` changes while the device runs."""

    key: str
    type: ValueType
    help: str
    act: Callable[[Settable, Any], None]


def change(on: Settable, key: str, value: str) -> dict[str, Any]:
    """Change a setting; `value` is text, as on a command line, whatever the setting's type.

    Raises Refused when it cannot be changed.
    """
    rows = SETTINGS | _of_backends(on)
    row = rows.get(key)
    if row is None:
        fit = near(key, rows) or f"; what can be set is {', '.join(rows)}"
        raise Refused("bad-argument", f"key: no setting named {key[:40]!r}{fit}")
    try:
        parsed = row.type.parse(value, text=True)
    except ValueError as error:
        raise Refused("bad-argument", f"{key}: {error}") from None
    row.act(on, parsed)
    return {"key": key, "value": row.type.plain(parsed)}


def name_in_set(key: str) -> str:
    """The name by which `set` knows an option of a file."""
    name = key.removeprefix("backends.")
    return "interval" if key == "stats.interval" else name if name.endswith("hwm") else key


def as_text(value: Any) -> str:
    """A value of a file as `change` takes it."""
    return json.dumps(value) if isinstance(value, (list, tuple)) else str(value)


def present(on: Settable) -> dict[str, Any]:
    """Return the present settings as a file has them."""
    told = copy.deepcopy(on.base())
    spec = on.device.engine.spec
    for side in on.device.engine.sockets():
        found = _section(told, spec.path(side.name))
        for verb in ("bind", "connect") if found else ():
            found[verb] = [a.asked for a in side.addresses if a.verb == verb]
    for key, value in on.changed.items():
        head, _, name = key.rpartition(".")
        _section(told, spec.path(head))[name] = copy.deepcopy(value)
    return told


def _section(told: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the map at a path with dots, made if needed; "" is the whole."""
    for key in filter(None, path.split(".")):
        told = told.setdefault(key, {})
    return told


def _log_level(on: Settable, value: str) -> None:
    level = LEVELS[value]
    logging.getLogger("zmqdev").setLevel(level.number)
    on.changed.update(quiet=level.quiet, verbose=level.verbose)


def _interval(on: Settable, value: float) -> None:
    on.service.pace(value)
    on.changed["stats.interval"] = format_duration(value)


def _drain(on: Settable, value: float) -> None:
    on.device.drain = value
    on.changed["drain"] = format_duration(value)


def _configure(on: Settable, key: str, value: Any) -> None:
    on.check_moving()
    try:
        on.device.call(lambda: on.device.engine.configure(key, value))
    except Unchangeable as why:
        raise Refused("refused", f"{key} cannot be changed in {on.device.name}: {why}") from None


def _on_full(on: Settable, value: str) -> None:
    _configure(on, "on-full", value)
    on.changed["on-full"] = value


def _routing(key: str, type_: ValueType, on: Settable, value: Any) -> None:
    _configure(on, key, value)
    on.changed[key] = type_.plain(value)


def _hwm(key: str, on: Settable, value: int) -> None:
    _configure(on, key, value)
    side, _, name = key.partition(".")
    for mark in ("sndhwm", "rcvhwm") if name == "hwm" else (name,):
        on.changed[f"{side}.{mark}"] = value


def apply_marks(on: Settable) -> None:
    """Apply marks that `set` has changed to a peer that came later.

    On a bound socket, libzmq gives new peers the mark of the time of the bind, and
    applies a later setting only to peers that are connected.
    """
    marks = {key: value for key, value in on.changed.items() if key.endswith("hwm")}

    def again() -> None:
        from zmqdev.device.socket import events

        for side in on.device.engine.sockets():
            events(side.socket)  # handles the new connection, so that the setting applies to it
        for key, value in marks.items():
            on.device.engine.configure(key, value)

    if marks and on.device.state in ("running", "paused", "draining"):
        on.device.post(again)


def _of_backends(on: Settable) -> dict[str, Setting]:
    """Return the high-water marks of named backends."""
    return {row.key: row for side in on.device.engine.spec.backends for row in _marks_of(side)}


def _marks_of(side: str) -> list[Setting]:
    return [
        Setting(f"{side}.{mark}", _MARK, f"{help} of the {side}", partial(_hwm, f"{side}.{mark}"))
        for mark, help in _MARKS.items()
    ]


_MARK = Integer(0, 2**31 - 1)
_MARKS = {
    "hwm": "high-water mark in both directions, in messages for each peer",
    "sndhwm": "high-water mark for messages sent to each peer",
    "rcvhwm": "high-water mark for messages received from each peer",
}
_PATTERNS = AsJson(Many(PatternText()))
_ROUTING: dict[str, tuple[ValueType, str]] = {
    "routes": (AsJson(RoutesOrFile()), "where messages go: a file of routes, or a list in JSON"),
    "drop": (_PATTERNS, "topics to drop: a pattern, or a list in JSON"),
    "keep": (_PATTERNS, "the only topics to keep: a pattern, or a list in JSON"),
}
# What a file means that does not say them.
LEFT_OUT: dict[str, Any] = {"routes": [], "drop": [], "keep": []}
# A running device does nothing with these.
UNUSED = frozenset({"tests"})
SETTINGS = {
    row.key: row
    for row in (
        Setting(
            "log-level", Choice(choices=tuple(LEVELS)), "how much is logged on stderr", _log_level
        ),
        Setting(
            "interval", Duration(positive=True), "time between two statistics lines", _interval
        ),
        Setting("drain", Duration(), "how long a stop may take", _drain),
        Setting(
            "on-full",
            Choice(choices=("block", "drop")),
            "when no peer can take a message: wait, or drop it",
            _on_full,
        ),
        *(
            Setting(key, type_, help, partial(_routing, key, type_))
            for key, (type_, help) in _ROUTING.items()
        ),
        *_marks_of("frontend"),
        *_marks_of("backend"),
    )
}
