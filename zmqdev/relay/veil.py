"""The numbers that a ROUTER gives its peers, hidden from all others.

libzmq counts upwards from a random start: one number tells the next one, and two
sockets that take it as their own routing id abort the program (`ok`, socket_base.cpp, libzmq
4.3.5). So a device writes such a number only veiled: a permutation of 32 bits under keys that
live as long as the process, a Feistel network of six rounds. A reply that carries the veiled
number finds its way back. Routing ids that peers chose themselves have another form and stay
as they are. `_veil.h` is the same in C.
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
    """Whether a routing id has the form of those that libzmq makes."""
    return len(address) == SIZE and address[0] == 0


def veil(address: bytes) -> bytes:
    """The form in which others may see it."""
    if not is_number(address):
        return address
    left, right = _HALVES.unpack_from(address, 1)
    for key in KEYS:
        left, right = right, left ^ _mixed(right, key)
    return b"\0" + _HALVES.pack(right, left)


def unveil(address: bytes) -> bytes:
    """What the ROUTER knows its peer by. `unveil(veil(x)) == x`."""
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
