"""A file for an engine that runs it on more than one machine, or as services of one.

What all engines need is made here: the settings of each part as the engine will
mount them, addresses rewritten to where the other parts then are, the files
with keys. Each engine's own words are in a module of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from typing import Any

from zmqdev.errors import UsageError
from zmqdev.options.endpoint import WorkerSpec
from zmqdev.options.executing import Executing
from zmqdev.options.files import files_of
from zmqdev.options.option import leaves_of
from zmqdev.options.part import Part
from zmqdev.options.places import NOTHING
from zmqdev.options.sockopt import MEBIBYTE
from zmqdev.options.variables import escape
from zmqdev.tools.export.reach import METRICS_PORT, Bound, bound_by, metrics_at
from zmqdev.topology.links import Plan, Port, is_loopback
from zmqdev.topology.selection import needs

GRACE = 5
"""Seconds for closing, after the drain."""


def most_memory(part: Part) -> int:
    """Bytes after which the engine ends it: above its own limit, where it cuts off the longest
    unfinished messages first."""
    limit = part.device.limits.memory if part.device is not None else 0
    return max(MEMORY, ceil(limit / OWN_SHARE))


def stop_seconds(part: Part) -> int:
    """How long a part may take to stop: its drain, and time to close."""
    return ceil(part.spec.drain) + GRACE


class Mode(int):
    """Rights of a file, which YAML has in octal."""


@dataclass(frozen=True)
class Options:
    """What an export can be asked. `directory`: its files will stand in one, side by side."""

    program: str = "/usr/local/bin/zmqdev"
    image: str = "zmqdev:latest"
    namespace: str = ""
    directory: bool = False


MEMORY = 512 * MEBIBYTE
OWN_SHARE = 0.8  # of what there is, as in limits.memory


@dataclass(frozen=True)
class Unit:
    """A part as an engine runs it, or `replicas` of one. `settings` is its file; `keys` are files
    by their name there."""

    part: Part
    settings: dict[str, Any]
    keys: dict[str, str]
    needs: tuple[str, ...]
    bound: tuple[Bound, ...]  # the tcp addresses it binds
    replicas: int = 1

    @property
    def called(self) -> str:
        """Its name in the file."""
        return self.part.base if self.replicas > 1 else self.part.name

    @property
    def name(self) -> str:
        return label(self.called)

    @property
    def ports(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(bound.number for bound in self.bound))

    def command(self, config: str) -> list[str]:
        """The words after the program. No statistics lines in the engine's log unless the file
        names a mode."""
        asked = self.settings.get("stats")
        named = asked.get("mode") if isinstance(asked, dict) else asked
        quiet = ["--stats", "off"] if named is None else []
        return [self.part.kind, *quiet, "--config", config]

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


def units(
    plan: Plan, *, apart: bool, keys_at: Callable[[Part], str], alone: bool = False
) -> Iterator[Unit]:
    """Every part. `apart`: each has a network of its own, so addresses become names. `alone`:
    what is on the loopback and has no peer in the file stays there.

    `keys_at` says where a part finds its files with keys. UsageError for what an engine
    that runs each part by itself cannot do.
    """
    _refuse(plan, apart)
    before: dict[str, list[str]] = {}
    for first, then in needs(plan):
        before.setdefault(then, []).append(first)
    for part in plan.topology.parts:
        settings = json.loads(json.dumps(part.asked))
        if apart:
            _readdress(settings, plan, part, alone)
        yield Unit(
            part,
            settings,
            _keys(settings, part, keys_at(part), apart),
            tuple(dict.fromkeys(before.get(part.name, ()))),
            bound_by(plan, part.name),
        )


def together(found: Iterable[Unit], may: Callable[[Unit], bool] = lambda unit: True) -> list[Unit]:
    """Replicas as one unit, where an engine can double it: when they bind nothing and have the
    same settings. One that binds has an address of its own, which others know it by."""
    groups: dict[str, list[Unit]] = {}
    for unit in found:
        groups.setdefault(unit.part.base, []).append(unit)
    made: list[Unit] = []
    for group in groups.values():
        first = group[0]
        alike = all(_nameless(unit) == _nameless(first) and may(unit) for unit in group)
        if len(group) > 1 and alike and not _binds(first):
            settings = first.settings | {"name": first.part.base}
            made.append(replace(first, settings=settings, replicas=len(group)))
        else:
            made += group
    names = {unit.part.name: unit.called for unit in made}
    return [
        replace(
            unit,
            needs=_renamed(unit.needs, names),
            bound=tuple(replace(one, peers=_renamed(one.peers, names)) for one in unit.bound),
        )
        for unit in made
    ]


def _nameless(unit: Unit) -> tuple[dict[str, Any], dict[str, str]]:
    return {key: value for key, value in unit.settings.items() if key != "name"}, unit.keys


def _binds(unit: Unit) -> bool:
    sides = [side for _, side in unit.part.addressed]
    return any(side.bind for side in sides) or bool(unit.ports)


def _renamed(needs: Iterable[str], names: dict[str, str]) -> tuple[str, ...]:
    """With the first of several replicas for all of them."""
    return tuple(dict.fromkeys(names[name] for name in needs if name in names))


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


def _readdress(settings: dict[str, Any], plan: Plan, part: Part, alone: bool) -> None:
    """Where it binds: every interface of its own network. Where it connects: the other's name."""
    where = {
        (port.side, port.address): _moved(port, plan, alone)
        for port in plan.ports
        if port.part.name == part.name
    }
    for name, side in part.addressed:
        target = settings
        for key in part.path(name).split(".")[:-1]:
            target = target.setdefault(key, {})
        for verb, addresses in (("bind", side.bind), ("connect", side.connect)):
            moved = [where[name, address] for address in addresses]
            if moved:
                target[verb] = moved[0] if len(moved) == 1 else moved
    device, keeping = part.device, part.keeping
    if device is not None and device.capture:
        settings["capture"] = where["capture", device.capture]
    if device is not None and device.capture_connect:
        settings["capture-connect"] = where["capture-connect", device.capture_connect]
    if keeping is not None and keeping.reliable.dead_letters:
        moved_to = where["dead-letters", keeping.reliable.dead_letters]
        settings.setdefault("reliable", {})["dead-letters"] = moved_to


def _moved(port: Port, plan: Plan, alone: bool) -> str:
    if port.parts.transport != "tcp":
        return port.address
    if port.verb == "bind":
        stays = alone and is_loopback(port.parts.host) and not plan.peers(port)
        return port.address if stays else f"tcp://*:{port.parts.port}"
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


def _keys(settings: dict[str, Any], part: Part, place: str, apart: bool) -> dict[str, str]:
    """name there -> file here of everything with keys, and the settings made to say so.

    The files of a directory are in one there, or with systemd side by side with all others, each
    behind the name of the directory. Paths are absolute: an engine works in a directory of its
    own.
    """
    found: dict[str, str] = {}
    for file in files_of(part.spec):
        path = Path(file.path).absolute()
        if file.change == NOTHING or not (file.sure or path.exists()):
            continue
        table, name = settings, "-".join(file.option)
        for key in file.option[:-1]:
            table = table[key]
        there = f"{place}/{name}"
        if not path.is_dir():
            found[name] = str(path)
        elif apart:
            found |= {f"{name}/{one.name}": str(one) for one in sorted(path.glob("*.key"))}
        else:
            found[name], there = str(path), f"{there}_*"
        table[file.option[-1]] = f"{file.mark}{there}"
    return found


def unpacked(plan: Plan) -> Iterator[str]:
    """What parts need beside their settings: files with messages, commands."""
    for part in {part.base: part for part in plan.topology.parts}.values():
        for file in files_of(part.spec):
            if file.change == NOTHING and file.path != "-":
                yield f"{part.base} reads {file.path}, which is not exported"
        if isinstance(part.spec, Executing | WorkerSpec) and part.spec.exec:
            yield f"{part.base} runs a command: what that needs must be there"


def health(part: Part) -> Bound | None:
    """Where a device answers probes; None for an endpoint."""
    device = part.device
    if device is None:
        return None
    return metrics_at(device.metrics or f"127.0.0.1:{METRICS_PORT}")


def with_health(unit: Unit, host: str) -> Unit:
    """A device with its probes at `host`."""
    found = health(unit.part)
    if found is None:
        return unit
    return replace(unit, settings=unit.settings | {"metrics": f"{host}:{found.number}"})


def secret(unit: Unit) -> bool:
    """Whether its settings themselves hold something that nobody else is to read."""
    for leaf in leaves_of(unit.part.spec):
        if leaf.option.secret and "-".join(leaf.path) not in unit.keys:
            table: Any = unit.settings
            for key in leaf.path:
                table = table.get(key) if isinstance(table, dict) else None
            if table is not None:
                return True
    return False


def as_yaml(documents: Iterable[dict[str, Any]]) -> str:
    """For a person to read and change: text of several lines as it is, nothing by reference."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    def mode(dumper: yaml.SafeDumper, value: Mode) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:int", f"0{value:o}")

    Dumper.add_representer(str, text)
    Dumper.add_representer(Mode, mode)
    return yaml.dump_all(documents, Dumper=Dumper, sort_keys=False, allow_unicode=True)


def joined(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
