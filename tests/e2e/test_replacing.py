"""A device that ends under load: its peers' messages go to the next one at its addresses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.losses import WAYS, scene
from support.processes import Start

TIMES = 20 if os.environ.get("SOAK") else 3
AT_LOAD = ("streamer", "queue")


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
@pytest.mark.parametrize("kind", AT_LOAD)
def test_no_way_to_end_loses_a_message(kind: str, transport: str) -> None:
    with scene(kind, transport=transport) as made:
        for way in ("stop", "SIGTERM", "pause, drain", "unbind, stop"):
            made.replace(WAYS[way])
        told = made.finish()
    assert (told.lost, told.doubled) == (0, 0), told.line()
    assert told.sent > 0


def test_a_forwarder_doubles_nothing_and_goes_on() -> None:
    with scene("forwarder") as made:
        made.replace(WAYS["stop"])
        told = made.finish()
    assert told.doubled == 0
    assert told.received > 0


@pytest.mark.parametrize("kind", AT_LOAD)
def test_at_full_load_a_replacement_costs_at_most_what_libzmq_had_begun_to_write(
    kind: str,
) -> None:
    """The libzmq of a sender loses the message that it is in the middle of."""
    with scene(kind, load=None) as made:
        made.replace(WAYS["stop"])
        told = made.finish()
    assert told.lost <= 1, told.line()
    assert told.doubled == 0


@pytest.mark.parametrize("kind", AT_LOAD)
def test_a_device_that_replaces_another_takes_its_place(kind: str) -> None:
    with scene(kind) as made:
        for _ in range(TIMES):
            made.succeed()
        assert made.peers("backend") == 1, "the new one answers under the name"
        told = made.finish()
    assert (told.lost, told.doubled) == (0, 0), told.line()
    assert told.gap < 2.0, told.line()


def test_there_must_be_one_to_replace(start: Start, tmp_path: Path) -> None:
    device = start("streamer", "--replace", "nobody-of-this-name")
    assert device.wait() == 1
    assert "no device 'nobody-of-this-name' runs" in device.err
