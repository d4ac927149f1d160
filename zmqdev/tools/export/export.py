"""The part of an export that all engines share.

Each part becomes a Unit: its settings as the engine will mount them, addresses
rewritten to the places where the other parts will be, and its key files. The modules
beside this one turn units into the files of one engine.
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
    """Return the bytes of memory at which the engine should end the part.

    That is above the part's own limit, at which it cuts off the longest unfinished
    messages.
    """
    limit = part.device.limits.memory if part.device is not None else 0
    return max(MEMORY, ceil(limit / OWN_SHARE))


def stop_seconds(part: Part) -> int:
    """How long a part may take to stop: its drain, and time to close."""
    return ceil(part.spec.drain) + GRACE


class Mode(int):
    """The mode of a file, which YAML writes in octal."""


@dataclass(frozen=True)
class Options:
    """The options of an export; with `directory` its files are written side by side in one."""

    program: str = "/usr/local/bin/zmqdev"
    image: str = "zmqdev:latest"
    namespace: str = ""
    directory: bool = False


MEMORY = 512 * MEBIBYTE
OWN_SHARE = 0.8  # of what there is, as in limits.memory


@dataclass(frozen=True)
class Unit:
    """A part as an engine runs it, or `replicas` of one.

    `settings` is the content of its file; `keys` maps names in the container to key
    files here.
    """

    part: Part
    settings: dict[str, Any]
    keys: dict[str, str]
    needs: tuple[str, ...]
    bound: tuple[Bound, ...]  # the tcp addresses it binds
    replicas: int = 1

    @property
    def called(self) -> str:
        """Return its name in the file."""
        return self.part.base if self.replicas > 1 else self.part.name

    @property
    def name(self) -> str:
        """Return its name in the engine."""
        return label(self.called)

    @property
    def ports(self) -> tuple[int, ...]:
        """Return the ports it binds, each once."""
        return tuple(dict.fromkeys(bound.number for bound in self.bound))

    def command(self, config: str) -> list[str]:
        """Return the arguments for the program.

        They turn statistics lines off, which would fill the engine's log, unless the
        file sets a mode.
        """
        asked = self.settings.get("stats")
        named = asked.get("mode") if isinstance(asked, dict) else asked
        quiet = ["--stats", "off"] if named is None else []
        return [self.part.kind, *quiet, "--config", config]

    @property
    def file(self) -> str:
        """Return the settings as JSON, which is YAML too."""
        return json.dumps(escape(self.settings), indent=2, ensure_ascii=False) + "\n"


@dataclass
class Export:
    """The result of an export: `files` by name, and `notes` for the user."""

    files: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def label(name: str) -> str:
    """Return a name as DNS and systemd accept it."""
    return name.lower().replace("_", "-").replace(".", "-").strip("-")


def units(
    plan: Plan, *, apart: bool, keys_at: Callable[[Part], str], alone: bool = False
) -> Iterator[Unit]:
    """Yield a unit for every part.

    With `apart` each part has a network of its own, so addresses become names; with
    `alone` a loopback address without a peer in the file stays as it is. `keys_at`
    returns the directory where a part finds its key files. Raises UsageError for what
    cannot work when each part runs by itself.
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
    """Join replicas into one unit where the engine can multiply it.

    That requires equal settings and that they bind nothing: a replica that binds has an
    address of its own, by which others know it.
    """
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
    """Return the names with all replicas of a part replaced by the first."""
    return tuple(dict.fromkeys(names[name] for name in needs if name in names))


def _refuse(plan: Plan, apart: bool) -> None:
    for port in plan.ports:
        if port.parts.transport == "inproc":
            raise UsageError(
                f"{port.label}: inproc stays in one process; use ipc or tcp", port.place
            )
        if port.verb == "bind" and port.chosen_later:
            raise UsageError(
                f"{port.label}: name the port; the other parts cannot know it", port.place
            )
        if apart and port.parts.transport == "ipc":
            raise UsageError(f"{port.label}: ipc stays on one machine; use tcp", port.place)
    names: dict[str, str] = {}
    for part in plan.topology.parts:
        other = names.setdefault(label(part.name), part.name)
        if other != part.name:
            raise UsageError(f"{part.name} and {other} are one name to the engine", part.place)


def _readdress(settings: dict[str, Any], plan: Plan, part: Part, alone: bool) -> None:
    """Rewrite the addresses in `settings`.

    A part binds every interface of its own network and connects to the names of the
    others.
    """
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
    """Report connections to the loopback that no part of the file binds; they will fail
    elsewhere."""
    met = {id(link.connected) for link in plan.links}
    for port in plan.ports:
        if port.verb == "connect" and id(port) not in met and is_loopback(port.parts.host):
            yield f"{port.label} connects to {port.address}, which is no part of the file"


def _keys(settings: dict[str, Any], part: Part, place: str, apart: bool) -> dict[str, str]:
    """Return {name in the engine: file here} of all key files, and set the new paths in `settings`.

    The files of a directory stay together in one. Under systemd they stand beside all
    others, prefixed with the name of the directory. Paths are absolute, because an
    engine starts parts in another directory.
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
    """Report what parts need beside their settings: input files and commands."""
    for part in {part.base: part for part in plan.topology.parts}.values():
        for file in files_of(part.spec):
            if file.change == NOTHING and file.path != "-":
                yield f"{part.base} reads {file.path}, which is not exported"
        if isinstance(part.spec, Executing | WorkerSpec) and part.spec.exec:
            yield f"{part.base} runs a command: what that needs must be there"


def health(part: Part) -> Bound | None:
    """Return the address where a device answers probes; None for an endpoint."""
    device = part.device
    if device is None:
        return None
    return metrics_at(device.metrics or f"127.0.0.1:{METRICS_PORT}")


def with_health(unit: Unit, host: str) -> Unit:
    """Return the unit with its probes at `host`."""
    found = health(unit.part)
    if found is None:
        return unit
    return replace(unit, settings=unit.settings | {"metrics": f"{host}:{found.number}"})


def secret(unit: Unit) -> bool:
    """Whether the settings hold a secret, and not only names of key files."""
    for leaf in leaves_of(unit.part.spec):
        if leaf.option.secret and "-".join(leaf.path) not in unit.keys:
            table: Any = unit.settings
            for key in leaf.path:
                table = table.get(key) if isinstance(table, dict) else None
            if table is not None:
                return True
    return False


def as_yaml(documents: Iterable[dict[str, Any]]) -> str:
    """Return YAML for people to read and edit: multi-line text in blocks, and no anchors."""
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
    """Join lines to the text of a file."""
    return "\n".join(lines) + "\n"
