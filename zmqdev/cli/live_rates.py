"""What the devices that run pass on now, asked at their control sockets."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from zmqdev.device import runtimedir
from zmqdev.device.asking import Asker

LOOK = 1.0  # seconds between the two looks


def rates(names: Iterable[str]) -> Mapping[tuple[str, str], float]:
    """(device, side) -> messages a second. Devices that do not answer are left out."""
    wanted = set(names)
    found = {item.address: item.name for item in runtimedir.running() if item.name in wanted}
    if not found:
        return {}
    with Asker() as asker:
        before, began = _counts(asker, found), time.monotonic()
        time.sleep(LOOK)
        after, seconds = _counts(asker, found), time.monotonic() - began
    return {
        key: max(0, after[key] - count) / seconds for key, count in before.items() if key in after
    }


def _counts(asker: Asker, found: Mapping[str, str]) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}
    for address, reply in asker.ask_all(list(found), "status").items():
        if reply is not None and reply.ok:
            for flow in reply.result["flows"]:
                counts[found[address], flow["target"]] = _messages(flow)
    return counts


def _messages(flow: Mapping[str, Any]) -> int:
    return int(flow["counts"]["messages"])
