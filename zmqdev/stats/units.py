"""Numbers for people, with three significant digits: `12.3 M`, `4.5 MiB`, `1:02:03`."""

from __future__ import annotations

import time

_DECIMAL = ("", "k", "M", "G", "T", "P", "E")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_DAY = 86400


def short(number: float) -> str:
    """Return `999`, `1.23 k`, `12.3 M`; a whole number below a thousand is exact."""
    value, unit = _scaled(number, 1000, len(_DECIMAL))
    return f"{_digits(value, exact=not unit)} {_DECIMAL[unit]}".rstrip()


def size(count: float) -> str:
    """Return bytes as `512 B`, `4.5 MiB`."""
    value, unit = _scaled(count, 1024, len(_BINARY))
    return f"{_digits(value, exact=not unit)} {_BINARY[unit]}"


def exact(number: int) -> str:
    """Return `1,234,567`."""
    return f"{number:,}"


def message_rate(per_second: float) -> str:
    """Return `1.23 k msg/s`."""
    return f"{short(per_second)} msg/s"


def byte_rate(per_second: float) -> str:
    """Return `4.5 MiB/s`."""
    return f"{size(per_second)}/s"


def share(part: float) -> str:
    """Return a share of 1 in percent; 0 % and 100 % are shown only when exact."""
    percent = part * 100
    if 0 < percent < 1:
        return "<1 %"
    if 99 < percent < 100:
        return "99 %"
    return f"{percent:.0f} %"


def moment(at: float) -> str:
    """Return seconds since 1970 as `2026-11-27T12:00:00.123Z`."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
    return f"{stamp}.{int(at % 1 * 1000):03d}Z"


def clock(seconds: float) -> str:
    """Return `0:07`, `1:02:03`, `2d 3:04:05`."""
    days, rest = divmod(int(max(0.0, seconds)), _DAY)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    if days:
        return f"{days}d {hours}:{minutes:02d}:{rest:02d}"
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def duration(seconds: float) -> str:
    """Return a span of time: `250 us`, `12.3 ms`, `4.56 s`, from 100 s as a clock."""
    if seconds >= 100:
        return clock(seconds)
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= factor:
            return f"{_digits(seconds / factor, exact=False)} {unit}"
    return f"{seconds * 1e9:.0f} ns" if seconds > 0 else "0 s"


def counted(number: int, noun: str) -> str:
    """Return `no peers`, `1 peer`, `3 peers`."""
    return f"{exact(number) if number else 'no'} {noun}{'' if number == 1 else 's'}"


def _scaled(number: float, step: int, units: int) -> tuple[float, int]:
    """Return the number in the largest unit in which it rounds to 1 or more, and that unit."""
    unit = 0
    while unit + 1 < units and round(number) >= step:
        number /= step
        unit += 1
    return number, unit


def _digits(value: float, *, exact: bool) -> str:
    if value >= 100 or (exact and value == int(value)):
        return f"{value:.0f}"
    return f"{value:.1f}" if exact or value >= 10 else f"{value:.2f}"
