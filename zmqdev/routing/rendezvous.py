"""Rendezvous hashing: a key always goes to the same backend.

The backend with the highest weight gets the key; the weight combines the FNV-1a 64
hashes of the key and of the backend's name. So the order of backends and restarts do
not matter, and when one backend is removed only its keys move.
"""

from __future__ import annotations

from collections.abc import Sequence

_MASK = (1 << 64) - 1
_BASIS, _PRIME = 0xCBF29CE484222325, 0x100000001B3


def fnv1a(data: bytes) -> int:
    """Return the 64-bit FNV-1a hash."""
    value = _BASIS
    for byte in data:
        value = ((value ^ byte) * _PRIME) & _MASK
    return value


def mix(value: int) -> int:
    """Apply MurmurHash3's finisher: each bit of the input affects every bit of the result."""
    value ^= value >> 33
    value = (value * 0xFF51AFD7ED558CCD) & _MASK
    value ^= value >> 33
    value = (value * 0xC4CEB9FE1A85EC53) & _MASK
    return value ^ (value >> 33)


def weight(key: int, name: int) -> int:
    """Return the weight of a backend for a key, both given as FNV-1a hashes."""
    return mix(key ^ name)


def choose(key: bytes, names: Sequence[int]) -> int:
    """Return the index of the name (as FNV-1a) with the highest weight; of equals the first."""
    hashed = fnv1a(key)
    return max(range(len(names)), key=lambda index: (weight(hashed, names[index]), -index))


def share_of(key: bytes) -> int:
    """Return a number from 0 to 9,999 that is always the same for a key."""
    return mix(fnv1a(key)) % 10_000
