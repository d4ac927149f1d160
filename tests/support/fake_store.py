"""A store in memory that a test turns by hand: what the contract asks, and nothing on disk."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from zmqdev.broker.record import AWAY, Answer, Dead, Group, Kept, Settled


class Disk:
    """What outlives a store."""

    def __init__(self) -> None:
        self.requests: dict[int, Kept] = {}
        self.answers: dict[bytes, Answer] = {}
        self.dead: dict[int, Dead] = {}

    def apply(self, group: Group) -> None:
        for key in group.ended:
            self.requests.pop(key, None)
        for kept in (*group.accepted, *group.attempts):
            self.requests[kept.key] = kept
        self.answers |= {answer.call: answer for answer in group.answers}
        self.dead |= {dead.key: dead for dead in group.dead}
        for id in group.forgotten:
            self.answers.pop(id, None)


class FakeStore:
    """See `Store`. `refuses`: why new requests are not taken. `others`: ids that another queue
    has."""

    name = "fake"

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.idle = True
        self.refuses = ""
        self.others: set[bytes] = set()
        self.damaged: tuple[Dead, ...] = ()
        self.first_key = 1
        self._group: Group | None = None
        self.descriptor, self._bell = os.pipe()

    def recover(self) -> Iterable[Kept]:
        self.first_key = max([0, *self.disk.requests, *self.disk.dead]) + 1
        return [self.disk.requests[key] for key in sorted(self.disk.requests)]

    def write(self, group: Group) -> None:
        assert self.idle
        self.idle = False
        self._group = group
        os.write(self._bell, b"!")

    def settled(self) -> Settled | None:
        group, self._group = self._group, None
        if group is None:
            return None
        os.read(self.descriptor, 1)
        self.idle = True
        if self.refuses == AWAY:
            return Settled(group, AWAY, unwritten=True)
        accepted = tuple(kept for kept in group.accepted if kept.call not in self.others)
        written = replace(group, accepted=() if self.refuses else accepted)
        self.disk.apply(written)
        found = {id: self.disk.answers[id] for id in group.asked if id in self.disk.answers}
        ids = {*group.asked, *(kept.call for kept in group.accepted if kept.call is not None)}
        elsewhere = frozenset(self.others & ids)
        return Settled(group, self.refuses, answers=found, elsewhere=elsewhere)

    def close(self) -> None:
        os.close(self.descriptor)
        os.close(self._bell)
