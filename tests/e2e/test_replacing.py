"""A device that ends under load: its peers' messages go to the next one at its addresses."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from support.losses import NAME, RATE, WAYS, scene
from support.processes import Program, Start

from zmqdev.system import libzmq

SOAK = bool(os.environ.get("SOAK"))
TIMES = 20 if SOAK else 3
TIMES_FULL = 10 if SOAK else 2
BINDS = 100 if SOAK else 4
HWM = 1000
AT_LOAD = ("streamer", "queue")
# Without the C half the libzmq of a sender loses the message that it is in the middle of.
CUT = 0 if libzmq.why_unguarded() is None else 1


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
@pytest.mark.parametrize("kind", AT_LOAD)
def test_no_way_to_end_loses_a_message(kind: str, transport: str) -> None:
    with scene(kind, transport=transport) as made:
        for way in ("stop", "SIGTERM", "pause, drain", "unbind, stop"):
            made.replace(WAYS[way])
        told = made.finish()
    assert (told.lost, told.doubled) == (0, 0), told.line()
    assert told.sent > 0


def passed(device: Program) -> tuple[int, int]:
    """As its last line counts: to subscribers, and while there was none. Nothing was dropped, and
    nothing left."""
    alone = r"(?:; to no subscriber ([\d,]+))?"
    line = rf"passed ([\d,]+) messages[^;]*{alone}; dropped 0; left inside 0$"
    found = re.search(line, device.err, re.M)
    assert found, device.err
    total, unheard = (int((text or "0").replace(",", "")) for text in found.groups())
    return total - unheard, unheard


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_forwarder_passes_on_all_that_is_published_and_counts_what_nothing_asked_for(
    transport: str,
) -> None:
    """What waited for it at its publishers comes before its subscribers are back, and is lost."""
    with scene("forwarder", transport=transport) as made:
        for _ in range(TIMES):
            made.replace(WAYS["stop"])
        devices = [one for one in made.programs if one.name.startswith("forwarder")]
        told = made.finish()
        made.device.interrupt()
        heard, unheard = map(sum, zip(*map(passed, devices), strict=True))
    assert len(devices) == TIMES + 1
    assert told.doubled == 0
    assert heard + unheard == told.sent, told.line()
    assert unheard <= told.lost


@pytest.mark.parametrize("kind", AT_LOAD)
def test_what_kill_9_loses_is_bounded_by_the_marks(kind: str) -> None:
    """A queue for each side, the message in hand, and what the system held of two connections: at
    this rate much less than a mark."""
    with scene(kind) as made:
        for _ in range(TIMES):
            made.replace(WAYS["SIGKILL"])
        told = made.finish()
    assert told.lost <= 2 * HWM * TIMES, told.line()
    assert told.doubled == 0


def test_stop_and_start_bind_the_same_address_under_load() -> None:
    """`ctl stop && zmqdev streamer …`: when the first returns, the second starts at once."""
    with scene("streamer", load=None) as made:
        for _ in range(BINDS):
            assert made.ctl(NAME, "stop") == 0
            made.device = made.hire()  # fails when it cannot bind
            made.settle()
        told = made.finish()
    assert told.lost <= CUT * BINDS, told.line()
    assert told.doubled == 0


@pytest.mark.parametrize(("load", "times"), [(RATE, TIMES), (None, TIMES_FULL)])
@pytest.mark.parametrize("kind", AT_LOAD)
def test_a_device_that_replaces_another_takes_its_place(
    kind: str, load: float | None, times: int
) -> None:
    """At a steady rate and as fast as the sender can."""
    with scene(kind, load) as made:
        for _ in range(times):
            made.succeed()
        assert made.peers("backend") == 1, "the new one answers under the name"
        told = made.finish()
    assert told.lost <= (CUT * times if load is None else 0), told.line()
    assert told.doubled == 0, told.line()
    assert told.gap < 2.0 or not SOAK, told.line()  # in a run that has the machine for itself


def test_there_must_be_one_to_replace(start: Start, tmp_path: Path) -> None:
    device = start("streamer", "--replace", "nobody-of-this-name")
    assert device.wait() == 1
    assert "no running device named 'nobody-of-this-name'" in device.err
