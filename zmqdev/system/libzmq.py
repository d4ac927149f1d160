"""Protection from faults of libzmq that a peer could exploit, before the first socket opens.

Its random numbers are seeded, and its poll is guarded (`_poll_guard.h` says how and why).
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable
from enum import IntEnum
from functools import cache

import zmq

from zmqdev.system import randomness

BACKENDS = ("zmq.backend.cython._zmq", "zmq.backend.cython.socket", "zmq.backend.cffi._cffi")
"""Modules of pyzmq that are, or depend on, its libzmq: version 26 and later, 25, PyPy."""


def prepare() -> None:
    """Protect this process; call it before a socket is made."""
    why_unguarded()
    randomness.seed()


@cache
def why_unguarded() -> str | None:
    """Guard libzmq's poll in this process; return why that is impossible, or None."""
    if sys.platform != "linux":
        return None  # only epoll reports connections that are not polled
    try:
        from zmqdev.system import _survival

        address = addresses(("zmq_ctx_new",))[0]
    except ImportError as error:
        return f"the C half was not built ({error})" if "_survival" in str(error) else str(error)
    return None if _survival.guard_poll(address) >= 2 else "this libzmq does not poll by epoll"


def accept_no_more(descriptor: int) -> bool:
    """Let libzmq not poll a listener until it is closed; new connections wait in the kernel.

    Returns False where the poll is not guarded.
    """
    if sys.platform != "linux" or why_unguarded() is not None:
        return False
    from zmqdev.system import _survival

    return _survival.leave_unpolled(descriptor)


class Keeper(IntEnum):
    """The threads that limit how many connections a listener may accept.

    `MONITOR` reads the monitor of the socket, `DATA` uses the socket.
    """

    MONITOR = 0
    DATA = 1


def let_in(listeners: Iterable[int], keeper: Keeper, most: int) -> int:
    """Let each of these listeners accept `most` connections; further ones wait in the system.

    Returns how many one of them could still have accepted. Where the poll is not guarded nothing is
    limited, and it returns `most`.
    """
    if sys.platform != "linux" or why_unguarded() is not None:
        return most
    from zmqdev.system import _survival

    left = (_survival.give_places(number, keeper, most) for number in listeners)
    return min(left, default=most)


def ended() -> int:
    """Return how many connections of libzmq have ended in this process.

    It is 0 where the poll is not guarded.
    """
    if sys.platform != "linux" or why_unguarded() is not None:
        return 0
    from zmqdev.system import _survival

    return _survival.ended()


def addresses(names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the addresses of libzmq's functions; ImportError says why they are unavailable."""
    if zmq.zmq_version_info() < (4, 1):
        raise ImportError(f"libzmq {zmq.zmq_version()} is older than 4.1")
    path = next((sys.modules[name].__file__ for name in BACKENDS if name in sys.modules), None)
    if path is None:
        raise ImportError(f"pyzmq {zmq.__version__} keeps its libzmq in an unknown place")
    try:
        library = ctypes.CDLL(path)
        found = [ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in names]
    except (OSError, AttributeError) as error:
        raise ImportError(f"pyzmq's libzmq cannot be reached: {error}") from error
    return tuple(address or 0 for address in found)
