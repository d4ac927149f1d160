"""The loop of a program's main thread: it turns sockets, descriptors and times into callbacks.

Devices move their messages in other threads; the loop steers and watches them. A
callback must not take long, because it would delay the answers of the control socket.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from typing import Any, Protocol

import zmq

Callback = Callable[[], Any]


class HasFileno(Protocol):
    """An object with a descriptor."""

    def fileno(self) -> int:
        """Return the descriptor."""
        ...


Readable = zmq.Socket[bytes] | HasFileno


class Loop:
    """A poll loop: `watch` and `every`, then `run` until `stop`."""

    def __init__(self) -> None:
        self._poller = zmq.Poller()
        self._callbacks: dict[Any, Callback] = {}
        self._timers: list[tuple[float, int, Callback]] = []
        self._order = itertools.count()
        self._running = False

    def watch(self, readable: Readable, callback: Callback) -> None:
        """Call back whenever it is readable; the callback has to read it."""
        self._poller.register(_pollable(readable), zmq.POLLIN)
        self._callbacks[_pollable(readable)] = callback

    def unwatch(self, readable: Readable) -> None:
        """Do not watch it any more."""
        if self._callbacks.pop(_pollable(readable), None) is not None:
            self._poller.unregister(_pollable(readable))

    def at(self, when: float, callback: Callback) -> None:
        """Call back once, at `when` (monotonic seconds) or soon after."""
        heapq.heappush(self._timers, (when, next(self._order), callback))

    def every(self, seconds: float, callback: Callback) -> Repeat:
        """Call back repeatedly; a late call is not made up for."""
        return Repeat(self, seconds, callback)

    def stop(self) -> None:
        """Let `run` return after this turn."""
        self._running = False

    def run(self) -> None:
        """Run until `stop`."""
        self._running = True
        while self._running:
            self.turn()

    def turn(self) -> None:
        """Wait once, then make all calls that are due."""
        for key, _ in self._poller.poll(self._timeout_ms()):
            callback = self._callbacks.get(key)
            if callback is not None:
                callback()
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()

    def _timeout_ms(self) -> int | None:
        if not self._timers:
            return None
        left = self._timers[0][0] - time.monotonic()
        # Rounded up, because waking early would cost an empty turn.
        return max(0, int(left * 1000) + 1)


class Repeat:
    """A repeated callback; `pace` changes its interval."""

    def __init__(self, loop: Loop, seconds: float, callback: Callback) -> None:
        self._loop, self._callback = loop, callback
        self.seconds = seconds
        self._round = 0
        self.pace(seconds)

    def pace(self, seconds: float) -> None:
        """Call back every `seconds` from now on."""
        self.seconds = seconds
        self._round += 1
        self._schedule(time.monotonic() + seconds, self._round)

    def cancel(self) -> None:
        """Call back no more."""
        self._round += 1

    def _schedule(self, due: float, round_: int) -> None:
        self._loop.at(due, lambda: self._fire(round_))

    def _fire(self, round_: int) -> None:
        if round_ != self._round:
            return  # the pace has changed, or it was cancelled
        due = time.monotonic() + self.seconds
        self._callback()
        if round_ == self._round:
            self._schedule(max(due, time.monotonic()), round_)


def _pollable(readable: Readable) -> Any:
    return readable if isinstance(readable, zmq.Socket) else readable.fileno()
