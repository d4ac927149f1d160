"""Which files count, and what a change of one asks of whom."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from zmqdev.options.option import leaves
from zmqdev.options.part_options import kinds, own_spec
from zmqdev.options.places import AGAIN, ANEW, FileName
from zmqdev.supervisor.watch import FileWatch, beside, signature, touched
from zmqdev.topology.links import Plan, plan
from zmqdev.topology.read import Topology

Read = Callable[..., Topology]
CLOSED = """
parts:
  door:
    device: streamer
    frontend: {bind: tcp://127.0.0.1:1, curve-key: own, authorized-keys: clients}
    backend: {bind: tcp://127.0.0.1:2, plain-users: users}
  in:
    endpoint: push
    connect: tcp://127.0.0.1:1
    curve-secret: '@mine'
    server-key: its.key
    file: jobs
  out: {endpoint: pull, bind: tcp://127.0.0.1:3, plain-users: users}
  rights: {device: forwarder, topic-acl: rights}
  open: {endpoint: pull, connect: tcp://127.0.0.1:4}
"""


@pytest.fixture
def closed(read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clients").mkdir()
    for name in ("own", "users", "mine", "its.key", "jobs", "rights", "clients/a.key"):
        (tmp_path / name).write_text("before")
    return plan(read(CLOSED))


@pytest.mark.parametrize(
    ("name", "anew", "again"),
    [
        ("own", {"door"}, set()),
        ("users", {"out"}, {"door"}),  # an endpoint reads its files at its start alone
        ("mine", {"in"}, set()),
        ("its.key", {"in"}, set()),
        ("rights", set(), {"rights"}),
        ("clients/a.key", set(), {"door"}),
        ("clients/b.key", set(), {"door"}),  # a new one
        ("jobs", set(), set()),  # messages, not settings
    ],
)
def test_a_changed_file_is_for_those_who_use_it(
    closed: Plan, tmp_path: Path, name: str, anew: set[str], again: set[str]
) -> None:
    before = beside(closed)
    (tmp_path / name).write_text("after all")
    assert touched(closed, before, beside(closed), ANEW) == anew
    assert touched(closed, before, beside(closed), AGAIN) == again


WRITTEN = {"ready-file", "store", "spool", "dump"}


def test_every_option_that_takes_a_file_says_what_a_change_of_it_asks() -> None:
    """Those of another type are files that are written."""
    for kind, category in kinds().items():
        for leaf in leaves(own_spec(category, kind)):
            if any(word in leaf.option.type.metavar for word in ("FILE", "DIR")):
                type_ = getattr(leaf.option.type, "item", leaf.option.type)
                assert isinstance(type_, FileName) or leaf.path[-1] in WRITTEN, leaf.key


def test_a_file_that_goes_and_one_that_comes_are_noticed(tmp_path: Path) -> None:
    missing = signature(str(tmp_path / "f"))
    (tmp_path / "f").write_text("")
    there = signature(str(tmp_path / "f"))
    assert missing != there
    # The same bytes at the same time, but another file: an editor's way of writing.
    (tmp_path / "g").write_text("")
    os.utime(tmp_path / "g", ns=(there[0][0], there[0][0]))  # type: ignore[arg-type]
    os.replace(tmp_path / "g", tmp_path / "f")
    assert signature(str(tmp_path / "f")) != there


class Fleet:
    """What a watch needs of one."""

    def __init__(self, made: Plan) -> None:
        self.plan, self.reloads = made, 0
        self.loop = self

    def every(self, seconds: float, callback: object) -> None: ...

    def reload(self) -> None:
        self.reloads += 1


def test_a_watch_waits_until_a_file_stays_as_it_is(closed: Plan, tmp_path: Path) -> None:
    watch, fleet = FileWatch(), Fleet(closed)
    watch.started(fleet)  # type: ignore[arg-type]
    for text in ("half", "more than half"):
        (tmp_path / "clients" / "a.key").write_text(text)
        watch.look(fleet)  # type: ignore[arg-type]
        assert fleet.reloads == 0
    for _ in range(3):
        watch.look(fleet)  # type: ignore[arg-type]
        assert fleet.reloads == 1
