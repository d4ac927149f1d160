"""Numbers of ports for tests that bind one again, or write it into a file before it is bound.

One that the system has just given away may be somebody else's a moment later. These are outside
the range that it gives from, and each is one test's alone as long as the test runs.
"""

from __future__ import annotations

import itertools
import socket
import sys
from pathlib import Path

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST, LAST = 10_000, 32_000
_numbers = itertools.count(FIRST)


class Ports:
    """`take(3)` as often as wanted; `close` gives all back."""

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def take(self, count: int) -> list[int]:
        return [self._next() for _ in range(count)]

    def close(self) -> None:
        for held in self._held:
            held.close()

    def _next(self) -> int:
        first, last = outside()
        for number in itertools.islice(_numbers, 2 * (last - first)):
            port = first + (number - FIRST) % (last - first)
            if self._hold(port) and is_free(port):
                return port
        raise AssertionError("no port is free")

    def _hold(self, port: int) -> bool:
        """Whether no test of this machine has it. A name that ends with its socket says so."""
        if sys.platform != "linux":
            return True
        held = socket.socket(socket.AF_UNIX)
        try:
            held.bind(f"\0zmqdev-tests-port-{port}")
        except OSError:
            held.close()
            return False
        self._held.append(held)
        return True


def outside() -> tuple[int, int]:
    """From where to where the system does not give ports away by itself."""
    low = int(RANGE.read_text().split()[0]) if RANGE.exists() else LAST
    return (FIRST, min(low, LAST)) if low > FIRST + 1000 else (FIRST, LAST)


def is_free(port: int) -> bool:
    """For a plain bind too, which fails while a connection of an earlier test is remembered."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
