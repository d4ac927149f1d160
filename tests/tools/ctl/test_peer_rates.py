from __future__ import annotations

from typing import Any

from zmqdev.tools.ctl.answers import answer
from zmqdev.tools.ctl.peer_rates import with_rates


def told(*connections: tuple[str, int | None]) -> dict[str, Any]:
    return {
        "frontend": {
            "connected": len(connections),
            "connections": [
                {"address": at, "sent_bytes": count, "received_bytes": count, "silent": 0.5}
                for at, count in connections
            ],
        }
    }


def test_a_connection_that_was_there_before_has_a_rate() -> None:
    found = with_rates(told(("a", 100), ("b", 50)), told(("a", 300), ("c", 9), ("b", 20)), 2.0)
    rates = [one["sent_bytes_per_s"] for one in found["frontend"]["connections"]]
    assert rates == [100, None, None]  # c is new, b began anew


def test_where_bytes_are_not_told_there_is_no_rate() -> None:
    found = with_rates(told(("", None)), told(("", None)), 1.0)
    assert found["frontend"]["connections"][0]["received_bytes_per_s"] is None


def test_rates_stand_behind_the_totals() -> None:
    text = answer("peers", with_rates(told(("a", 0)), told(("a", 2048)), 1.0))
    assert "a  sent 2.00 KiB (2.00 KiB/s), received 2.00 KiB (2.00 KiB/s), last heard" in text
    assert "a  sent 2.00 KiB, received" in answer("peers", told(("a", 2048)))
