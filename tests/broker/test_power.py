"""The power goes at any moment: what was called kept is there. NORMAL in place of FULL fails."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from support import disk, disk_driver
from support.disk import Op
from support.processes import until

from zmqdev.broker.record import Group, Kept
from zmqdev.broker.store_sqlite import SqliteStore
from zmqdev.errors import RunError
from zmqdev.system.store_file import StoreFile

# States in `make test`; a thousand in `make soak`.
STATES, GROUPS, ALL_STATES = 60, 150, 1000
needs_compiler = pytest.mark.skipif(disk.COMPILER is None, reason="no C compiler")


def recorded(place: Path, level: str, groups: int) -> list[Op]:
    """Every write and flush of a store that wrote so many groups."""
    (place / "live").mkdir()
    surroundings = {
        **os.environ,
        "LD_PRELOAD": disk.built(place),
        "DISK_PREFIX": str(place / "live" / "q.db"),
        "DISK_LOG": str(place / "log"),
        "PYTHONPATH": str(Path(disk.__file__).parents[1]),
    }
    words = [sys.executable, disk_driver.__file__, str(place / "live"), level, str(groups)]
    subprocess.run(words, check=True, env=surroundings)
    return disk.read_log(place / "log")


def judge(log: Sequence[Op], cut: int) -> tuple[set[int], set[int]]:
    """(requests that must be there, requests that may be) when the power goes after `cut`."""
    begun: dict[int, dict[str, list[int]]] = {}
    must: set[int] = set()
    may: set[int] = set()
    for op in log[:cut]:
        if op.kind != "m":
            continue
        told = json.loads(op.path)
        if "begun" in told:
            begun[told["begun"]] = told
            may |= set(told["accepted"])
            must -= set(told["ended"])
        else:
            must |= set(begun[told["settled"]]["accepted"])
            may -= set(begun[told["settled"]]["ended"])
    return must, may


def is_bad(files: dict[str, bytes], place: Path, must: set[int], may: set[int]) -> bool:
    for old in place.glob("q.db*"):
        old.unlink()
    for path, content in files.items():
        if not path.endswith("-shm"):  # made anew by whoever opens it first
            (place / Path(path).name).write_bytes(content)
    try:
        store = SqliteStore(str(place / "q.db"), 1 << 30)
    except RunError:
        return bool(must)
    try:
        records = list(store.recover())
    except RunError:
        return bool(must)
    finally:
        store.close()
    there = {record.key for record in records}
    whole = all(record.body == disk_driver.body(record.key) for record in records)
    return not (must <= there <= may and whole and not store.damaged)


def bad_states(
    place: Path, level: str, states: int, groups: int, monkeypatch: pytest.MonkeyPatch
) -> int:
    monkeypatch.setattr(StoreFile, "reserve", lambda self: None)
    log, chance = recorded(place, level, groups), random.Random(4)
    cuts = sorted(chance.randrange(1, len(log)) for _ in range(states))
    (place / "after").mkdir()
    images = disk.power_lost(log, cuts, chance)
    return sum(
        is_bad(files, place / "after", *judge(log, cut))
        for cut, files in zip(cuts, images, strict=True)
    )


@needs_compiler
def test_no_kept_request_is_lost_with_the_power(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bad_states(tmp_path, "full", STATES, GROUPS, monkeypatch) == 0


@needs_compiler
def test_the_control_flushes_less_and_loses_nearly_always(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If that lost nothing, the test above would show nothing."""
    assert bad_states(tmp_path, "normal", STATES, GROUPS, monkeypatch) > 0.7 * STATES


@needs_compiler
@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("level", "least", "most"), [("full", 0, 0), ("normal", 900, 1000)])
def test_a_thousand_losses_of_power(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str, least: int, most: int
) -> None:
    bad = bad_states(tmp_path, level, ALL_STATES, 4 * GROUPS, monkeypatch)
    print(f"{level}: {bad} of {ALL_STATES} states bad")
    assert least <= bad <= most


def test_a_file_does_not_grow_behind_a_request_that_stays(tmp_path: Path) -> None:
    """What a log of segments does; a hundred thousand requests come and go."""

    def kept(key: int) -> Kept:
        return Kept(key, b"%016d" % key, b"echo", 1.0, 0, (b"x" * 200,))

    def write(group: Group) -> None:
        store.write(group)
        until(lambda: store.settled() is not None, "written")

    path = tmp_path / "q.db"
    store = SqliteStore(str(path), 1 << 30)
    list(store.recover())
    write(Group((kept(1),)))
    before: range = range(0)
    sizes = []
    for start in range(2, 100_002, 1000):
        new = range(start, start + 1000)
        write(Group(tuple(map(kept, new)), ended=tuple(before)))
        before = new
        sizes.append(path.stat().st_size)
    assert sizes[-1] <= max(sizes[:20]) <= 1 << 20
    store.close()
    again = SqliteStore(str(path), 1 << 30)
    assert [record.key for record in again.recover()] == [1, *before]
    again.close()
