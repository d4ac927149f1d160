"""`disk.c` built for a test, and what its log says."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).with_name("disk.c")
SECTOR = 512
_HEAD = struct.Struct("=qqqq")
COMPILER = shutil.which("cc")


def built(place: Path) -> str:
    """The library, to be named in LD_PRELOAD."""
    made = place / "disk.so"
    assert COMPILER is not None
    words = [COMPILER, "-O1", "-w", "-shared", "-fPIC", "-o", str(made), str(SOURCE), "-ldl"]
    subprocess.run(words, check=True)
    return str(made)


@dataclass(frozen=True)
class Op:
    """A write ('w'), a flush ('s'), a new length ('t', the offset), the end ('u') of a file, or
    a mark ('m')."""

    kind: str
    path: str
    offset: int
    data: bytes


def read_log(path: Path) -> list[Op]:
    raw, at, found = path.read_bytes(), 0, []
    while at + _HEAD.size <= len(raw):
        kind, name, offset, size = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        text = raw[at : at + name].decode()
        found.append(Op(chr(kind), text, offset, raw[at + name : at + name + size]))
        at += name + size
    return found


@dataclass
class _Drive:
    """A file: what is on the platter, and what the drive may still have in its memory."""

    platter: bytearray = field(default_factory=bytearray)
    waiting: list[Op] = field(default_factory=list)

    def flush(self) -> None:
        for op in self.waiting:
            _apply(self.platter, op)
        self.waiting.clear()

    def lose_power(self, chance: random.Random) -> bytes:
        """Each write that was not flushed is there, or is not, or some sectors of it are."""
        image = bytearray(self.platter)
        for op in self.waiting:
            fate = chance.randrange(3)
            if fate == 0:
                _apply(image, op)
            elif fate == 1 and op.kind == "w":
                for start in range(0, len(op.data), SECTOR):
                    if chance.randrange(2):
                        part = op.data[start : start + SECTOR]
                        _apply(image, Op("w", op.path, op.offset + start, part))
        return bytes(image)


def _apply(image: bytearray, op: Op) -> None:
    if op.kind == "t":
        del image[op.offset :]
        image.extend(bytes(max(0, op.offset - len(image))))
        return
    image.extend(bytes(max(0, op.offset - len(image))))
    image[op.offset : op.offset + len(op.data)] = op.data


def power_lost(
    log: Sequence[Op], cuts: Sequence[int], chance: random.Random
) -> list[dict[str, bytes]]:
    """For each of `cuts`, in order: the files as they are when the power goes after so many
    operations."""
    drives: dict[str, _Drive] = {}
    found, at = [], 0
    for stop in cuts:
        for op in log[at:stop]:
            if op.kind == "u":
                drives.pop(op.path, None)
            elif op.kind == "s":
                drives.setdefault(op.path, _Drive()).flush()
            elif op.kind != "m":
                drives.setdefault(op.path, _Drive()).waiting.append(op)
        at = stop
        found.append({path: drive.lose_power(chance) for path, drive in drives.items()})
    return found
