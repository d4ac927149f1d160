"""The last line of a device: messages passed, dropped and why, and left inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from zmqdev.stats import units
from zmqdev.stats.snapshot import Snapshot


def ending(device: Snapshot, inside: int) -> str:
    """Return the last line of a device.

    Example: `passed 1,000 messages forward, 990 backward; dropped 3 (unreachable 3);
    left inside 0`. A forwarder adds what it passed without any subscriber.
    """
    return "; ".join(_parts(device, inside))


def eventful(device: Snapshot, inside: int) -> bool:
    """Whether the line would report anything."""
    return bool(inside or any(flow.messages or flow.dropped for flow in device.flows))


def _parts(device: Snapshot, inside: int) -> Iterator[str]:
    first, *others = device.flows
    passed = units.counted(first.messages, "message")
    more = "".join(f", {units.exact(flow.messages)} {flow.name}" for flow in others)
    yield f"passed {passed}{f' {first.name}{more}' if others else ''}"
    unheard = device.details.get("unheard")
    if unheard:
        yield f"to no subscriber {units.exact(unheard)}"
    drops: Counter[str] = Counter()
    for flow in device.flows:
        drops.update(flow.drops)
    why = ", ".join(f"{reason.replace('_', ' ')} {units.exact(n)}" for reason, n in drops.items())
    yield f"dropped {units.exact(drops.total())}{f' ({why})' if why else ''}"
    yield f"left inside {units.exact(inside)}"
    again = device.details.get("reliable", {}).get("counters", {}).get("redispatched")
    if again is not None:
        yield f"redispatched {units.exact(again)}"
