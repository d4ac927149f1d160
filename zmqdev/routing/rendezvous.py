"""Rendezvous hashing: the same key goes to the same backend, whatever the others are called.

The backend with the highest weight has the key; the weight is mixed from the key's FNV-1a 64 and
that of the backend's name. So the order of backends and restarts change nothing, and when one of
n is taken out exactly its own keys move.
"""

from __future__ import annotations

from collections.abc import Sequence

_MASK = (1 << 64) - 1
_BASIS, _PRIME = 0xCBF29CE484222325, 0x100000001B3


def fnv1a(data: bytes) -> int:
    """FNV-1a, 64 bits."""
    value = _BASIS
    for byte in data:
        value = ((value ^ byte) * _PRIME) & _MASK
    return value


def mix(value: int) -> int:
    """The finisher of MurmurHash3: every bit of the input moves every bit of the result."""
    value ^= value >> 33
    value = (value * 0xFF51AFD7ED558CCD) & _MASK
    value ^= value >> 33
    value = (value * 0xC4CEB9FE1A85EC53) & _MASK
    return value ^ (value >> 33)


def weight(key: int, name: int) -> int:
    """Of a backend for a key, both as their FNV-1a."""
    return mix(key ^ name)


def choose(key: bytes, names: Sequence[int]) -> int:
    """The index of the backend whose name (as FNV-1a) has the highest weight; first of equals."""
    hashed = fnv1a(key)
    return max(range(len(names)), key=lambda index: (weight(hashed, names[index]), -index))


def share_of(key: bytes) -> int:
    """A number from 0 to 9,999 that is always the same for a key."""
    return mix(fnv1a(key)) % 10_000
