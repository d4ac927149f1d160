"""A file for an engine that runs it on more than one machine, or as services of one.

What all engines need is made here: the settings of each part as the engine will
mount them, addresses rewritten to where the other parts then are, the files
with keys. Each engine's own words are in a module of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zmqdev.errors import UsageError
from zmqdev.fleet.choosing import needs
from zmqdev.fleet.ports import ANY, Plan, Port, is_loopback
from zmqdev.spec.part import Part
from zmqdev.spec.variables import Expanded, escape

METRICS_PORT = 9464  # the port that the OpenTelemetry Prometheus exporter has made usual
_KEY_FILES = ("curve-key", "plain-users", "topic-acl", "server-key")


@dataclass(frozen=True)
class Options:
    """What an export can be asked."""

    program: str = "/usr/local/bin/zmqdev"
    image: str = "zmqdev:latest"
    namespace: str = ""


@dataclass(frozen=True)
class Unit:
    """A part as an engine runs it. `settings` is its file; `keys` are files by their name there."""

    part: Part
    settings: dict[str, Any]
    keys: dict[str, str]
    needs: tuple[str, ...]
    outside: tuple[int, ...]  # tcp ports that nobody in the file connects to
    ports: tuple[int, ...]  # all tcp ports it binds

    @property
    def name(self) -> str:
        return label(self.part.name)

    @property
    def command(self) -> list[str]:
        return [self.part.kind, "--config"]

    @property
    def file(self) -> str:
        """The settings as text. JSON is YAML."""
        return json.dumps(escape(self.settings), indent=2, ensure_ascii=False) + "\n"


@dataclass
class Export:
    """`files` by name; `notes` are what a person has to know."""

    files: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def label(name: str) -> str:
    """A name as DNS and unit names have it."""
    return name.lower().replace("_", "-").replace(".", "-").strip("-")


def units(plan: Plan, *, apart: bool, keys_at: Callable[[Part], str]) -> Iterator[Unit]:
    """Every part. `apart`: each has a network of its own, so addresses become names.

    `keys_at` says where a part finds its files with keys. UsageError for what an engine
    that runs each part by itself cannot do.
    """
    _refuse(plan, apart)
    before: dict[str, list[str]] = {}
    for first, then in needs(plan):
        before.setdefault(then, []).append(first)
    met = {id(link.bound) for link in plan.links}
    for part in plan.topology.parts:
        own = [port for port in plan.ports if port.part.name == part.name and port.verb == "bind"]
        tcp = [port for port in own if port.parts.transport == "tcp"]
        settings = json.loads(json.dumps(part.asked))
        if apart:
            _readdress(settings, plan, part)
        yield Unit(
            part,
            settings,
            _keys(settings, keys_at(part), directories=apart),
            tuple(dict.fromkeys(before.get(part.name, ()))),
            tuple(int(port.parts.port) for port in tcp if id(port) not in met),
            tuple(dict.fromkeys(int(port.parts.port) for port in tcp)),
        )


def _refuse(plan: Plan, apart: bool) -> None:
    for port in plan.ports:
        if port.parts.transport == "inproc":
            raise UsageError(
                f"{port.label}: inproc stays in one process; use ipc or tcp", port.place
            )
        if port.verb == "bind" and port.chosen_later:
            raise UsageError(f"{port.label}: name the port; nobody else could know it", port.place)
        if apart and port.parts.transport == "ipc":
            raise UsageError(f"{port.label}: ipc stays on one machine; use tcp", port.place)
    names: dict[str, str] = {}
    for part in plan.topology.parts:
        other = names.setdefault(label(part.name), part.name)
        if other != part.name:
            raise UsageError(f"{part.name} and {other} are one name to the engine", part.place)


def _readdress(settings: dict[str, Any], plan: Plan, part: Part) -> None:
    """Where it binds: every interface of its own network. Where it connects: the other's name."""
    where = {
        (port.side, port.address): _moved(port, plan)
        for port in plan.ports
        if port.part.name == part.name
    }
    sides = [("", part.spec)] if part.category == "endpoint" else list(part.addressed)
    for name, side in sides:
        target = settings.setdefault(name, {}) if name else settings
        for verb in ("bind", "connect"):
            moved = [where[name, address] for address in getattr(side, verb)]
            if moved:
                target[verb] = moved[0] if len(moved) == 1 else moved
    if part.category == "device" and part.spec.capture:
        settings["capture"] = where["capture", part.spec.capture]
    if part.keeps and part.spec.reliable.dead_letters:
        moved_to = where["dead-letters", part.spec.reliable.dead_letters]
        settings.setdefault("reliable", {})["dead-letters"] = moved_to


def _moved(port: Port, plan: Plan) -> str:
    if port.parts.transport != "tcp":
        return port.address
    if port.verb == "bind":
        return f"tcp://*:{port.parts.port}"
    for link in plan.links:
        if link.connected is port:
            return f"tcp://{label(link.bound.part.name)}:{port.parts.port}"
    return port.address


def stranded(plan: Plan) -> Iterator[str]:
    """Connections to this machine's own address that will lead nowhere elsewhere."""
    met = {id(link.connected) for link in plan.links}
    for port in plan.ports:
        if port.verb == "connect" and id(port) not in met and is_loopback(port.parts.host):
            yield f"{port.label} connects to {port.address}, which is no part of the file"


def bound_narrowly(plan: Plan) -> Iterator[str]:
    """Ports that were for one interface and are for the engine's network now."""
    for port in plan.ports:
        host = port.parts.host
        narrow = port.verb == "bind" and port.parts.transport == "tcp" and host not in ANY
        if narrow and port.security == "null" and not is_loopback(host):
            yield f"{port.label}: was bound to {host} alone"


def _keys(settings: dict[str, Any], place: str, *, directories: bool) -> dict[str, str]:
    """name there -> file here of everything with keys, and the settings made to say so.

    Without `directories` those of public keys stay where they are.
    """
    found: dict[str, str] = {}
    for above, table in _tables(settings):
        for key in _KEY_FILES:
            value = table.get(key)
            if isinstance(value, str | Expanded) and (key != "server-key" or Path(value).exists()):
                name = "-".join((*above, key))
                found[name], table[key] = value, f"{place}/{name}"
        directory = table.get("authorized-keys")
        if directories and isinstance(directory, str):
            head = "-".join((*above, "authorized-keys"))
            for path in sorted(Path(directory).glob("*.key")):
                found[f"{head}/{path.name}"] = str(path)
            table["authorized-keys"] = f"{place}/{head}"
    return found


def _tables(settings: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    yield (), settings
    for side in ("frontend", "backend"):
        if isinstance(settings.get(side), dict):
            yield (side,), settings[side]


def with_health(unit: Unit) -> dict[str, Any]:
    """The settings of a device with a place for probes, unless it has one."""
    if unit.part.category != "device" or unit.part.spec.metrics:
        return unit.settings
    return unit.settings | {"metrics": f"0.0.0.0:{METRICS_PORT}"}


def health_port(part: Part) -> int | None:
    """Where a device answers probes; None for an endpoint."""
    if part.category != "device":
        return None
    said = part.spec.metrics
    return int(said.rpartition(":")[2]) if said else METRICS_PORT


def secret(unit: Unit) -> bool:
    """Whether its settings themselves hold something that nobody else is to read."""
    words = ("curve-secret", "plain-password")
    return any(word in table for _, table in _tables(unit.settings) for word in words)


def joined(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
