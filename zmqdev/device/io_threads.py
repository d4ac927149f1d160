"""A barrier for libzmq's I/O threads: they have done everything requested so far.

A listener is opened and closed in each thread. The event of its end comes after everything that was
requested before. The sockets for it are kept, because closed sockets, with their descriptors, stay
in libzmq for a while.
"""

from __future__ import annotations

import itertools
from typing import Any

import zmq

Probe = tuple[zmq.Socket[bytes], zmq.Socket[bytes]]

_names = itertools.count()
# Milliseconds to wait for a thread that does not answer.
_UNANSWERED_MS = 1000


class IoThreads:
    """The I/O threads of a context; used in one thread."""

    def __init__(self, context: zmq.Context[Any]) -> None:
        self._context = context
        self._probes: list[Probe] = []

    def catch_up(self) -> None:
        """Wait for all I/O threads; this takes about 0.1 ms."""
        if not self._probes:
            count = int(self._context.get(zmq.IO_THREADS))
            self._probes = [_listen(self._context, number) for number in range(count)]
        for probe, monitor in self._probes:
            probe.bind("tcp://127.0.0.1:*")
            probe.unbind(probe.getsockopt_string(zmq.LAST_ENDPOINT))
            if monitor.poll(_UNANSWERED_MS):
                monitor.recv_multipart()

    def close(self) -> None:
        """Close the sockets."""
        for probe, monitor in self._probes:
            probe.disable_monitor()
            monitor.close(0)
            probe.close(0)
        self._probes = []


def _listen(context: zmq.Context[Any], number: int) -> Probe:
    """Return a socket whose listener is closed in an I/O thread, and its monitor."""
    name = f"inproc://zmqdev-io-thread-{next(_names)}"
    probe, monitor = context.socket(zmq.PULL), context.socket(zmq.PAIR)
    probe.set(zmq.AFFINITY, 1 << number)
    probe.monitor(name, zmq.EVENT_CLOSED)
    monitor.connect(name)
    return probe, monitor
