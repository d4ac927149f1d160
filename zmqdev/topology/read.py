"""Read a file as a topology: includes and ZDCF are resolved, and every part is checked."""

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
    """What a file means. `problems` is empty if it can be started."""

    name: str
    fleet: FleetSpec
    parts: tuple[Part, ...]
    files: tuple[str, ...]
    problems: tuple[UsageError, ...] = ()

    @property
    def control_name(self) -> str:
        """Return the name by which `ctl` finds the running file.

        This is its name. If a part has the same name, that name is the part's, and the
        whole is called like its file.
        """
        if self.named(self.name) and self.fleet.name is None:
            file = Path(os.path.abspath(self.files[0])).name
            return file if file != self.name else f"{file}.run"
        return self.name

    def part(self, name: str) -> Part:
        """Return the part of this name; raises KeyError when there is none."""
        return next((part for part in self.parts if part.name == name), None) or _missing(name)

    def named(self, word: str) -> tuple[Part, ...]:
        """Return the part of this name, or all its replicas."""
        return tuple(part for part in self.parts if word in (part.name, part.base))


def _missing(name: str) -> Part:
    raise KeyError(name)


STDIN = "-"
# Far more than any file that people write.
LONGEST = 16 << 20
# Seconds that the command behind a pipe may take.
PIPE_WAIT = 60.0
SUFFIXES = (".yaml", ".yml")


def load(path: str) -> Node:
    """Parse a file, with ZDCF turned into parts; UsageError names the file.

    A directory counts as a file that includes all YAML files in it; `-` is standard
    input.
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
    """Read standard input once; a second reading of the settings gets the same."""
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
    """Load a file that `other` includes; `path` is relative to the directory of `other`."""
    found = os.path.normpath(os.path.join(os.path.dirname(other), path))
    return found, load(found)


def survey(
    path: str, environ: Mapping[str, str] = os.environ, *, over: Layer | None = None
) -> Topology:
    """Return the topology with all its problems.

    `over` has the settings from flags and the environment. Raises UsageError when the
    file cannot be read at all.
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
    """Return a topology that can be started; raises UsageError for the first problem."""
    found = survey(path, environ, over=over)
    if found.problems:
        raise found.problems[0]
    return found


def _once(problems: list[UsageError]) -> list[UsageError]:
    """Drop duplicates: replicas have the same faults at the same places."""
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
            if "unknown key" not in error.message:  # these are in the sheet's problems already
                problems.append(error)
    made, _ = build(FleetSpec, [*layers, over])
    return made
