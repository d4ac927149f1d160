"""Hiding the numbers that a ROUTER gives its peers.

libzmq counts up from a random start, so one number reveals the next. Two sockets that take it as
their own routing id abort the program (`ok`, socket_base.cpp, libzmq 4.3.5). So a device passes on
such a number only veiled: by a permutation of 32 bits, a Feistel network of six rounds with keys
that last as long as the process. A reply with the veiled number reaches its peer. Routing ids that
peers chose have another form and are not changed. `_veil.h` is the same in C.
"""

from __future__ import annotations

import os
import struct

ROUNDS = 6
KEYS = struct.unpack(f"={ROUNDS}Q", os.urandom(8 * ROUNDS))
_FACTOR = 0xD6E8FEB86659FD93
_WHOLE = (1 << 64) - 1
_HALVES = struct.Struct(">HH")
SIZE = 5
"""A zero byte and 32 bits (router.cpp)."""


def is_number(address: bytes) -> bool:
    """Return whether a routing id has the form of those that libzmq makes."""
    return len(address) == SIZE and address[0] == 0


def veil(address: bytes) -> bytes:
    """Return a routing id in the form that others may see."""
    if not is_number(address):
        return address
    left, right = _HALVES.unpack_from(address, 1)
    for key in KEYS:
        left, right = right, left ^ _mixed(right, key)
    return b"\0" + _HALVES.pack(right, left)


def unveil(address: bytes) -> bytes:
    """Return the routing id that the ROUTER knows, so that `unveil(veil(x)) == x`."""
    if not is_number(address):
        return address
    right, left = _HALVES.unpack_from(address, 1)
    for key in reversed(KEYS):
        left, right = right ^ _mixed(left, key), left
    return b"\0" + _HALVES.pack(left, right)


def _mixed(half: int, key: int) -> int:
    value = (half + key) * _FACTOR & _WHOLE
    value ^= value >> 32
    return (value * _FACTOR & _WHOLE) >> 48
