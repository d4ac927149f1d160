"""What the page of a running thing is drawn from."""

from __future__ import annotations

from collections.abc import Callable

from zmqdev.report.page.state import History, WarningLog, state
from zmqdev.stats.snapshot import Snapshot


def test_routes_and_backends_have_messages_a_second(device: Callable[..., Snapshot]) -> None:
    history, rows = History(), {}
    for second in range(3):
        rows = {"name": "eu", "messages": 100 * second, "bytes": 0, "full": 0}
        subject = device(second, 0, details={"routes": [rows], "backends": [rows]})
        history.add([subject])
    (part,) = state([subject], history, WarningLog())["parts"]
    for name in ("routes", "backends"):
        (row,) = part["details"][name]
        assert row["messages_per_second"] == 100
    assert "messages_per_second" not in rows
