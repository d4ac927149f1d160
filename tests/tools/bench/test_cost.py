"""Somebody else's CPU time is told from our own."""

from __future__ import annotations

import subprocess
import sys
import time

from zmqdev.tools.bench.cost import Meter, busy_seconds

BURN = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"


def test_what_another_process_burns_is_foreign_unless_it_is_of_the_run() -> None:
    process = subprocess.Popen([sys.executable, "-c", f"input(); {BURN}"], stdin=subprocess.PIPE)
    foreign, own = Meter([]), Meter([process.pid])
    process.communicate(b"\n")
    # Gone, so its clock is too: a run ends its parties after the meter has been read.
    assert own.share() is None
    share = foreign.share()
    assert share is not None
    assert share > 0


def test_our_own_time_is_not_foreign() -> None:
    before, meter = busy_seconds(), Meter([])
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
    after, share = busy_seconds(), meter.share()
    assert before is not None
    assert after is not None
    assert share is not None
    assert 0 <= share <= 1
    assert after > before
