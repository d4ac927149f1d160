from __future__ import annotations

import os
import signal
import time

from zmqdev.system.loop import Loop
from zmqdev.system.signals import Signals


def test_timers_come_in_order_and_again() -> None:
    loop, told = Loop(), []
    now = time.monotonic()
    loop.at(now + 0.02, lambda: told.append("second"))
    loop.at(now + 0.01, lambda: told.append("first"))
    loop.every(0.01, lambda: told.append("again"))
    loop.at(now + 0.2, loop.stop)
    loop.run()
    assert told.index("first") < told.index("second")
    assert told.count("again") >= 2


def test_a_descriptor_wakes_the_loop_until_it_is_taken_out() -> None:
    loop, told = Loop(), []
    with Signals((signal.SIGUSR1,)) as signals:
        loop.watch(signals, lambda: (told.extend(signals.take()), loop.stop()))
        os.kill(os.getpid(), signal.SIGUSR1)
        loop.run()
        assert told == [signal.SIGUSR1]
        loop.unwatch(signals)
        os.kill(os.getpid(), signal.SIGUSR1)
        loop.at(time.monotonic() + 0.05, loop.stop)
        loop.run()
        assert told == [signal.SIGUSR1]


def test_signals_of_others_are_left_to_them() -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGUSR2, lambda number, _: came.append(number))
    try:
        with Signals((signal.SIGUSR1,)) as signals:
            os.kill(os.getpid(), signal.SIGUSR2)
            os.kill(os.getpid(), signal.SIGUSR1)
            taken: list[int] = []
            while not taken:
                taken = signals.take()
        assert taken == [signal.SIGUSR1]
        assert came == [signal.SIGUSR2]
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
