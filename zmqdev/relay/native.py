"""The C half: `_native.c` bound to the libzmq that pyzmq has loaded.

Importing this module raises ImportError with the reason when it cannot be used.
"""

from __future__ import annotations

import threading

import zmq

from zmqdev.relay.counters import STATISTICS, Counters
from zmqdev.relay.lane import Lane
from zmqdev.relay.veil import KEYS
from zmqdev.system.libzmq import addresses

try:
    import zmqdev.relay._native as _native
except ModuleNotFoundError as error:
    raise ImportError("it was not built, as when there is no C compiler") from error

__all__ = ["Relay", "_native", "recv_burst", "send_burst"]

Rules = tuple[bool, bool, int, int, int]
Lanes = tuple[Rules | None, Rules | None]
"""Forward and backward; None: suspended."""


def failure(number: int) -> zmq.ZMQError:
    """Return the exception that pyzmq raises for an errno."""
    return zmq.ContextTerminated(number) if number == zmq.ETERM else zmq.ZMQError(number)


if tuple(_native.ROWS) != tuple(statistic.name for statistic in STATISTICS):
    raise ImportError("the C half was built for another version of zmqdev")
_native.bind(addresses(_native.SYMBOLS), failure, KEYS)
recv_burst = _native.recv_burst
send_burst = _native.send_burst


class NativeRelay:
    """The common part of the relays of the C half; a subclass has the `_core` that runs.

    `forward`, `backward`, `capture` and `tap` may be changed between two runs.
    """

    _core: _native.Relay | _native.RoutedRelay

    def __init__(
        self,
        frontend: zmq.Socket[bytes],
        wake: zmq.Socket[bytes],
        counters: Counters,
        forward: Lane,
        backward: Lane,
    ) -> None:
        self.frontend, self.wake, self.counters = frontend, wake, counters
        self.forward, self.backward = forward, backward
        self.capture: zmq.Socket[bytes] | None = None
        self.tap: zmq.Socket[bytes] | None = None
        self._labels = (b"", b"")

    @property
    def labels(self) -> tuple[bytes, bytes]:
        """Return the labels, see `twin.Relay`."""
        return self._labels

    @labels.setter
    def labels(self, labels: tuple[bytes, bytes]) -> None:
        self._labels = labels
        self._core.label(*labels)

    @property
    def held(self) -> tuple[bool, bool]:
        """Whether messages wait, see `twin.Relay`; read it between two runs."""
        return self._core.held

    def close(self) -> None:
        """Drop held messages, see `twin.Relay`."""
        self._core.close()

    def run(
        self,
        forward: bool = True,
        backward: bool = True,
        until_idle: bool = False,
        limit_ms: int = -1,
    ) -> bool:
        """Move messages, see `twin.Relay`. It releases the GIL until it returns."""
        lanes = (
            rules(self.forward) if forward and self.forward.enabled else None,
            rules(self.backward) if backward and self.backward.enabled else None,
        )
        in_main_thread = threading.current_thread() is threading.main_thread()
        return self._run(lanes, until_idle, limit_ms, in_main_thread)

    def _run(self, lanes: Lanes, until_idle: bool, limit_ms: int, in_main_thread: bool) -> bool:
        raise NotImplementedError


class Relay(NativeRelay):
    """The C implementation of `twin.Relay`."""

    _core: _native.Relay

    def __init__(
        self,
        frontend: zmq.Socket[bytes],
        backend: zmq.Socket[bytes],
        wake: zmq.Socket[bytes],
        counters: Counters,
        forward: Lane = Lane(),  # noqa: B008 (frozen)
        backward: Lane = Lane(),  # noqa: B008 (frozen)
    ) -> None:
        super().__init__(frontend, wake, counters, forward, backward)
        self.backend = backend
        self.stall_ms = -1
        self._core = _native.Relay(frontend, backend, wake, counters)

    def behind(self, source: zmq.Socket[bytes]) -> Relay:
        """Return a relay from another source, see `twin.Relay`."""
        return Relay(
            *(source, self.backend, self.wake, self.counters),
            forward=self.forward,
            backward=Lane(enabled=False),
        )

    def take_held(self) -> list[bytes] | None:
        """Take the held message, see `twin.Relay`."""
        return self._core.take_held()

    def _run(self, lanes: Lanes, until_idle: bool, limit_ms: int, in_main_thread: bool) -> bool:
        return self._core.run(
            *lanes, self.capture, self.tap, until_idle, limit_ms, self.stall_ms, in_main_thread
        )


def rules(lane: Lane) -> Rules:
    """Return a lane as the C half takes it."""
    return (
        lane.on_full == "drop",
        lane.subscriptions_only,
        lane.topic_limit,
        lane.max_frames,
        lane.max_bytes,
    )
