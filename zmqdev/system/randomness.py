"""The C library's random numbers, unpredictable.

libzmq numbers the peers of a ROUTER from rand(), which nothing seeds: without this the first
peer of every ROUTER of every program is 006b8b4567, and two sockets with that routing id abort
it (`ok`, socket_base.cpp, libzmq 4.3.5).
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any


def seed() -> None:
    """To be called before a ROUTER is made: each one then counts from a number of its own."""
    library = _c_library()
    if library is not None:
        library.srand(int.from_bytes(os.urandom(4), "big"))


@cache
def _c_library() -> Any:
    """None where there is none to be had (Windows: libzmq seeds by itself there)."""
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):
        return None
