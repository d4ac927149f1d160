"""The standard set of cases that `zmqdev bench --standard` runs."""

from __future__ import annotations

from zmqdev.tools.bench.case import Case, case
from zmqdev.tools.bench.load import LOADS
from zmqdev.tools.bench.options import BenchSpec

KIBIBYTE, MEBIBYTE = 1 << 10, 1 << 20
LINES = 5_000_000


def _case(load: str, size: int, *between: str, count: int | None = None, time: float = 1.0) -> Case:
    spec = BenchSpec(between=between, count=count, time=time)
    return case(LOADS[load], spec, size)


USUAL = ("direct", "proxy", "native")
STANDARD = (
    _case("pipeline", 16, "direct", "proxy", "tuned", "native", "silent", "asked", "python"),
    _case("pipeline", 256, *USUAL),
    _case("pipeline", 4 * KIBIBYTE, *USUAL),
    _case("pipeline", 64 * KIBIBYTE, *USUAL),
    _case("pipeline", MEBIBYTE, *USUAL),
    _case("pubsub", 16, "direct", "proxy", "tuned", "native", "block", "python"),
    _case("pubsub", 4 * KIBIBYTE, *USUAL),
    _case("request", 64, "direct", "proxy", "native", "python", "reliable"),
    _case("latency", 16, "direct", "proxy", "native", "python", time=2.0),
    _case("route", 16),
    _case("route", KIBIBYTE),
    _case("file", 16, "direct", "native", count=LINES),
)
