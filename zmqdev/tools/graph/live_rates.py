"""The current rates of running devices, asked at their control sockets."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from zmqdev.control import runtimedir
from zmqdev.control.client import Asker
from zmqdev.relay.counters import DROPS
from zmqdev.topology.picture import Rates

LOOK = 1.0  # seconds between the two questions


def rates(names: Iterable[str]) -> Rates:
    """Return the rates of the devices that answer."""
    wanted = set(names)
    found = {item.address: item.name for item in runtimedir.running() if item.name in wanted}
    if not found:
        return Rates()
    with Asker() as asker:
        before, began = _counts(asker, found), time.monotonic()
        time.sleep(LOOK)
        after, seconds = _counts(asker, found), time.monotonic() - began
    changed = {
        key: max(0, after[key] - count) / seconds for key, count in before.items() if key in after
    }
    return Rates(
        leaving={(name, side): rate for (out, name, side), rate in changed.items() if out},
        coming={(name, side): rate for (out, name, side), rate in changed.items() if not out},
    )


def _counts(asker: Asker, found: Mapping[str, str]) -> dict[tuple[bool, str, str], int]:
    """Return {(whether they leave, device, side): messages since the start}."""
    counts: dict[tuple[bool, str, str], int] = {}
    for address, reply in asker.ask_all(list(found), "status").items():
        if reply is not None and reply.ok:
            name = found[address]
            for flow in reply.result["flows"]:
                sent = flow["counts"]["messages"]
                counts[True, name, flow["target"]] = sent
                counts[False, name, flow["source"]] = sent + _dropped(flow["counts"])
    return counts


def _dropped(counts: Mapping[str, int]) -> int:
    return sum(count for name, count in counts.items() if name in DROPS)
