"""Writes groups to a store and marks in the disk's log what is settled: `DIR LEVEL GROUPS`."""

from __future__ import annotations

import ctypes
import json
import os
import random
import select
import sys

from zmqdev.broker import store_sqlite
from zmqdev.broker.record import Answer, Group, Kept
from zmqdev.system.store_file import StoreFile

WALL = 2_000_000_000.0


def body(key: int) -> tuple[bytes, ...]:
    return (b"%d" % key, b"x" * (key * 37 % 400), b"")


def group_of(number: int, first: int, live: list[int], chance: random.Random) -> Group:
    accepted = range(first, first + chance.randrange(1, 30))
    count = min(len(live), chance.randrange(0, 30))
    ended = [live.pop(chance.randrange(len(live))) for _ in range(count)]
    return Group(
        tuple(Kept(key, b"%16d" % key, b"echo", 1.0, 0, body(key)) for key in accepted),
        answers=tuple(Answer(b"%16d" % key, WALL, "", body(key)) for key in ended),
        ended=tuple(ended),
    )


def main(place: str, level: str, groups: int) -> None:
    mark = ctypes.CDLL(os.environ["LD_PRELOAD"]).disk_mark
    StoreFile.reserve = lambda self: None  # type: ignore[method-assign]
    store = store_sqlite.SqliteStore(os.path.join(place, "q.db"), 1 << 30)
    list(store.recover())
    store._database.execute(f"pragma synchronous={level}")
    chance, live, key = random.Random(3), list[int](), 1
    for number in range(groups):
        group = group_of(number, key, live, chance)
        told = {"accepted": [kept.key for kept in group.accepted], "ended": group.ended}
        mark(json.dumps({"begun": number, **told}).encode())
        store.write(group)
        select.select([store.descriptor], [], [])
        while store.settled() is None:
            pass
        mark(json.dumps({"settled": number}).encode())
        live += told["accepted"]
        key += len(group.accepted)
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
