"""Reloading the file of a running device: what can be changed is applied, the rest is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from zmqdev.control.protocol import Refused
from zmqdev.control.settings import (
    LEFT_OUT,
    LEVELS,
    UNUSED,
    as_text,
    change,
    name_in_set,
    present,
)
from zmqdev.control.target import Settable
from zmqdev.device.service import Reread, Service

# Option -> the option that determines it, so that it does not count as a change.
FOLLOWS = {"backend.xpub_nodrop": "on-full", "frontend.linger": "drain", "backend.linger": "drain"}
LOUDNESS = ("quiet", "verbose")


class Reload:
    """An attachment that reads the settings again.

    `again` returns the present settings and raises UsageError when they are wrong. With
    None, only the files that the settings name are read again.
    """

    def __init__(self, on: Callable[[Service], Settable], again: Callable[[], Any] | None) -> None:
        self._make, self._again = on, again
        self._on: Settable | None = None

    def started(self, service: Service) -> None:
        """Handle reloads of the service."""
        self._on = self._make(service)
        service.reread = self.act

    def ended(self, service: Service) -> None:
        """Do nothing: there is nothing to release."""

    @property
    def changed(self) -> dict[str, Any]:
        """Return what was set since the start, a dict shared with the control socket."""
        assert self._on is not None, "not started"
        return self._on.changed

    def act(self) -> Reread:
        """Reload and return what changed; UsageError when a file is wrong, and nothing changes."""
        assert self._on is not None, "not started"
        asked = None if self._again is None else self._again()
        self._on.device.reload()
        if asked is None:
            return Reread()
        then = flat(asked)
        applied: list[str] = []
        rest: list[str] = []
        now = flat(present(self._on))
        self._on.changed |= {
            key: then.get(key, []) for key in UNUSED if now.get(key) != then.get(key)
        }
        for key, value in _differences(now, then):
            (applied if _apply(self._on, key, value) else rest).append(key)
        for key, leader in FOLLOWS.items():
            if leader in applied:
                self._on.changed[key] = then.get(key, False)
        return Reread(tuple(applied), tuple(rest))


def _differences(now: Mapping[str, Any], then: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield options that differ, by their names in `set` where there is one, with the
    new values."""
    if any(now.get(key) != then.get(key) for key in LOUDNESS):
        yield "log-level", _level(then)
    fresh = {key for key in now.keys() | then.keys() if now.get(key) != then.get(key)}
    for key in sorted(fresh.difference(LOUDNESS, UNUSED)):
        if FOLLOWS.get(key) not in fresh:
            yield name_in_set(key), then.get(key, LEFT_OUT.get(key))


def _level(then: Mapping[str, Any]) -> str:
    quiet, verbose = bool(then.get("quiet")), min(int(then.get("verbose") or 0), 3)
    asked = (quiet, 0 if quiet else verbose)
    return next(word for word, level in LEVELS.items() if (level.quiet, level.verbose) == asked)


def _apply(on: Settable, key: str, value: Any) -> bool:
    """Whether the running device accepted the change."""
    if value is None:
        return False
    try:
        change(on, key, as_text(value))
    except Refused:
        return False
    return True


def flat(settings: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return {path with dots: value} without empty values."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        path = f"{above}{key}"
        if isinstance(value, Mapping):
            found |= flat(value, f"{path}.")
        elif value is not None and value is not False and value != []:
            alone = key in ("bind", "connect") and isinstance(value, str)
            found[path] = [value] if alone else value
    return found
