"""Durations and sizes as people write them: `200ms`, `5s`, `1m`; `64KiB`, `1MB`.

A bare number means seconds or bytes. Durations are float seconds, sizes int bytes.
"""

from __future__ import annotations

import math
import re

SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
BYTES = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
    "k": 2**10,
    "m": 2**20,
    "g": 2**30,
}
# A year: a longer duration is probably a mistake. Options with a narrower range check
# it themselves.
LONGEST = 366 * 86400.0
_NUMBER = r"(?P<number>\d+(?:\.\d+)?|\.\d+)"
_DURATION = re.compile(_NUMBER + r"\s*(?P<unit>us|ms|s|m|h|d)?", re.ASCII)
_SIZE = re.compile(_NUMBER + r"\s*(?P<unit>[kmg]i?b?|b)?", re.ASCII | re.IGNORECASE)


def parse_duration(text: str) -> float:
    """Return seconds; ValueError says what is accepted."""
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a duration; write it like 200ms, 5s or 1m")
    seconds = float(match["number"]) * SECONDS[match["unit"] or "s"]
    if seconds > LONGEST:
        raise ValueError(f"{text!r} is more than a year")
    return seconds


def format_duration(seconds: float) -> str:
    """Return text that `parse_duration` reads back as the same number, to the nanosecond."""
    for unit in ("d", "h", "m", "s", "ms"):
        count = seconds / SECONDS[unit]
        if count >= 1 and math.isclose(count, round(count), rel_tol=1e-12):
            return f"{round(count)}{unit}"
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"


def parse_size(text: str) -> int:
    """Return bytes; ValueError says what is accepted."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a size; write it like 4096, 64KiB or 1MB")
    # In integers, because a float is exact only up to 2^53 bytes.
    whole, _, decimals = match["number"].partition(".")
    digits: int = int(whole + decimals) * BYTES[(match["unit"] or "b").lower()]
    scale: int = 10 ** len(decimals)
    size, rest = divmod(digits, scale)
    if rest or size >= 2**63:
        raise ValueError(f"{text!r} is not a whole number of bytes below 2^63")
    return size


def format_size(size: int) -> str:
    """Return the shortest text that `parse_size` reads back as the same number."""
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)
