"""A file from the disk as a topology: its parts resolved, its includes read, ZDCF understood."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zmqdev.endpoints.defaults import check_texts
from zmqdev.errors import UsageError
from zmqdev.options import parts as sheets
from zmqdev.options import zdcf
from zmqdev.options.device import DeviceSpec
from zmqdev.options.document import Node, Place, read
from zmqdev.options.fleet import FleetSpec
from zmqdev.options.layer import Layer, build, file_layer
from zmqdev.options.part import Part, examine
from zmqdev.options.parts import STRUCTURE, Sheet
from zmqdev.system.bounded_file import read_file


@dataclass(frozen=True)
class Topology:
    """What a file comes to. `problems` is empty in one that can be started."""

    name: str
    fleet: FleetSpec
    parts: tuple[Part, ...]
    files: tuple[str, ...]
    problems: tuple[UsageError, ...] = ()

    @property
    def control_name(self) -> str:
        """By which `ctl` finds the whole: its name, unless a part is called so, for then the name
        is the part's and the whole is called as its file."""
        if self.named(self.name) and self.fleet.name is None:
            file = Path(os.path.abspath(self.files[0])).name
            return file if file != self.name else f"{file}.run"
        return self.name

    def part(self, name: str) -> Part:
        """KeyError when there is none."""
        return next((part for part in self.parts if part.name == name), None) or _missing(name)

    def named(self, word: str) -> tuple[Part, ...]:
        """The part of that name, or all its replicas."""
        return tuple(part for part in self.parts if word in (part.name, part.base))


def _missing(name: str) -> Part:
    raise KeyError(name)


STDIN = "-"
# Far above any file that a person writes.
LONGEST = 16 << 20
# Seconds that the command behind a pipe may take.
PIPE_WAIT = 60.0
SUFFIXES = (".yaml", ".yml")


def load(path: str) -> Node:
    """The tree of a file, ZDCF turned into parts. UsageError names the file.

    A directory is a file that includes all YAML files in it; `-` is standard input.
    """
    if os.path.isdir(path):
        return _directory(path)
    try:
        content = _standard_input() if path == STDIN else _content(path)
    except (OSError, ValueError) as error:
        why = os.strerror(getattr(error, "errno", 0) or 0) if isinstance(error, OSError) else error
        text = str(why)
        raise UsageError(f"cannot read it: {text[:1].lower()}{text[1:]}", path) from None
    node = read(content, path)
    return zdcf.as_parts(node) if zdcf.is_zdcf(node) else node


def _content(path: str) -> bytes:
    content = read_file(Path(path), LONGEST, wait=PIPE_WAIT)
    if len(content) > LONGEST:
        raise ValueError(f"it is larger than {LONGEST >> 20} MiB")
    return content


@functools.cache
def _standard_input() -> bytes:
    """It can be read once; who reads the settings again gets the same."""
    content = sys.stdin.buffer.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise ValueError(f"it is larger than {LONGEST >> 20} MiB")
    return content


def _directory(path: str) -> Node:
    names = sorted(name for name in os.listdir(path) if name.endswith(SUFFIXES))
    if not names:
        raise UsageError(f"the directory holds no file that ends in {' or '.join(SUFFIXES)}", path)
    place, above = Place(path), os.path.dirname(path) or os.curdir
    included = [os.path.relpath(os.path.join(path, name), above) for name in names]
    value = {"include": Node(tuple(Node(name, place) for name in included), place)}
    return Node(value, place, {"include": place})


def load_beside(path: str, other: str) -> tuple[str, Node]:
    """A file that `other` includes; its path is relative to that of `other`."""
    found = os.path.normpath(os.path.join(os.path.dirname(other), path))
    return found, load(found)


def survey(
    path: str, environ: Mapping[str, str] = os.environ, *, over: Layer | None = None
) -> Topology:
    """The topology and every problem of it. UsageError when the file cannot be read at all.

    `over` is what flags and the environment say of the whole.
    """
    top = load(path)
    sheet = sheets.draft(top, path, load_beside, environ)
    problems = list(sheet.problems)
    parts: list[Part] = []
    for one in sheet.drafts:
        part, wrong = examine(one)
        problems += wrong
        if part is not None:
            error = _wrong_texts(part)
            problems += [error] if error else []
            parts += [] if error else [part]
    fleet = _fleet(sheet, over or {}, problems)
    name = fleet.name or _name_of(path)
    return Topology(name, fleet, tuple(parts), tuple(sheet.files), tuple(_once(problems)))


def _name_of(path: str) -> str:
    return "stdin" if path == STDIN else Path(os.path.abspath(path)).stem


def topology(
    path: str, environ: Mapping[str, str] = os.environ, *, over: Layer | None = None
) -> Topology:
    """One that can be started. UsageError is the first problem."""
    found = survey(path, environ, over=over)
    if found.problems:
        raise found.problems[0]
    return found


def _once(problems: list[UsageError]) -> list[UsageError]:
    """Replicas have the same faults at the same places."""
    return list({str(error): error for error in problems}.values())


def _wrong_texts(part: Part) -> UsageError | None:
    if isinstance(part.spec, DeviceSpec):
        return None
    try:
        check_texts(part.spec, part.written)
    except UsageError as error:
        return error
    return None


def _fleet(sheet: Sheet, over: Layer, problems: list[UsageError]) -> FleetSpec:
    layers: list[Layer] = []
    top = sheet.top
    if top.is_map and not {"device", "endpoint"} & top.value.keys():
        try:
            known = {key: node for key, node in top.value.items() if key not in STRUCTURE}
            layers.append(file_layer(FleetSpec, Node(known, top.place, top.keys)))
            build(FleetSpec, layers)
        except UsageError as error:
            layers = []
            if "unknown key" not in error.message:  # the sheet lists those
                problems.append(error)
    made, _ = build(FleetSpec, [*layers, over])
    return made
