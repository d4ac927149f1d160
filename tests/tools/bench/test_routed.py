"""The files and messages of `bench route`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from zmqdev.routing.dry import DryRun
from zmqdev.tools.bench.load import BY_FIELD, BY_TOPIC
from zmqdev.tools.bench.party.routing import RouteRing
from zmqdev.tools.bench.routed import FILES, write
from zmqdev.tools.route.subject import subject


def test_each_of_a_load_has_a_file() -> None:
    assert FILES.keys() == {*BY_TOPIC, *BY_FIELD}


@pytest.mark.parametrize(
    ("name", "size", "to"),
    [
        ("ten", 16, {("a",): 0.5, ("b",): 0.5}),
        ("thousand", 16, {("a",): 0.5, ("b",): 0.5}),
        ("field", 1024, {("a",): 0.25, ("backend",): 0.75}),
        ("four-fields", 1024, {("a",): 0.5, ("backend",): 0.5}),
    ],
)
def test_messages_are_shared_evenly(
    tmp_path: Path, name: str, size: int, to: dict[tuple[str, ...], float]
) -> None:
    table, _ = subject(str(write(name, tmp_path)))
    run, ring = DryRun(table), RouteRing(size)
    messages = [message for at in range(0, 4000, ring.burst) for message in ring.slice(at, 4000)]
    found = Counter(run.send(message).to for message in messages)
    assert {where: round(count / len(messages), 1) for where, count in found.items()} == {
        where: round(part, 1) for where, part in to.items()
    }


@pytest.mark.parametrize("size", [16, 256, 1024, 5000])
def test_messages_have_their_size(size: int) -> None:
    for (frame,) in RouteRing(size).slice(0, 100):
        assert len(frame) == size
        if size >= 256:
            assert list(json.loads(frame))[-1] == "type"
