"""Latencies: percentiles of millions of times in a few kilobytes.

A histogram with logarithmic buckets keeps the leading 8 bits of a time in nanoseconds,
so a percentile is at most 0.8 % above the true one, from 1 ns to hours. Count, sum,
least and most are exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Leading bits that are kept; the relative error is 2^-(BITS-1).
BITS = 8
ERROR = 2.0 ** -(BITS - 1)
_NANO = 1_000_000_000


@dataclass(frozen=True)
class LatencySummary:
    """Percentiles in seconds; all None when nothing was counted."""

    count: int
    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None


class Latency:
    """A histogram: `add` times in seconds, then ask for a `quantile` or the `summary`."""

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0
        self.sum = 0.0
        self.least = 0.0
        self.most = 0.0

    def add(self, seconds: float, count: int = 1) -> None:
        """Count a time; a negative one (a clock that was set back) counts as zero."""
        seconds = max(0.0, seconds)
        nanoseconds = int(seconds * _NANO)
        shift = max(0, nanoseconds.bit_length() - BITS)
        key = (shift << BITS) + (nanoseconds >> shift)
        self._buckets[key] = self._buckets.get(key, 0) + count
        self.least = min(self.least, seconds) if self.count else seconds
        self.most = max(self.most, seconds)
        self.count += count
        self.sum += seconds * count

    def merge(self, other: Latency) -> None:
        """Add everything that `other` has counted."""
        if not other.count:
            return
        for key, count in other._buckets.items():
            self._buckets[key] = self._buckets.get(key, 0) + count
        self.least = min(self.least, other.least) if self.count else other.least
        self.most = max(self.most, other.most)
        self.count += other.count
        self.sum += other.sum

    def quantile(self, share: float) -> float:
        """Return the time that `share` (0 to 1) of all did not exceed; raises
        ValueError when empty."""
        if not self.count:
            raise ValueError("no times were counted")
        wanted = max(1, math.ceil(self.count * share - 1e-9))
        seen = 0
        for key in sorted(self._buckets):
            seen += self._buckets[key]
            if seen >= wanted:
                return min(self.most, _upper_end(key))
        return self.most

    def summary(self) -> LatencySummary:
        """Return the usual percentiles."""
        if not self.count:
            return LatencySummary(0)
        shares = (0.5, 0.9, 0.99, 0.999)
        p50, p90, p99, p999 = (self.quantile(share) for share in shares)
        return LatencySummary(self.count, self.sum / self.count, p50, p90, p99, p999, self.most)


def _upper_end(key: int) -> float:
    """Return the longest time of a bucket, in seconds."""
    shift = key >> BITS
    return (((key & ((1 << BITS) - 1)) + 1) << shift) / _NANO
