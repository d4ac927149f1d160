"""Seeding of the C library's random numbers.

libzmq numbers the peers of a ROUTER with rand(), which nothing seeds. Without this the
first peer of every ROUTER of every program is 006b8b4567, and two sockets that choose
this routing id abort the program (`ok`, socket_base.cpp, libzmq 4.3.5).
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any


def seed() -> None:
    """Seed the generator, before a ROUTER is made."""
    library = _c_library()
    if library is not None:
        library.srand(int.from_bytes(os.urandom(4), "big"))


@cache
def _c_library() -> Any:
    """Return the C library; None where there is none (Windows, where libzmq seeds it)."""
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):
        return None
