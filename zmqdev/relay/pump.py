"""Sending what the Python function of the routes yields to the backends, in Python.

An item is sent before the next one is asked for, so a backend that is full suspends the function.
`_pump.h` has the same function; tests/relay tests both in the same way.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import zmq

from zmqdev.relay.bursts import check_frames, send_burst
from zmqdev.relay.target import Target

MORE, ENDED, RAISED, FULL, OTHER = range(5)
"""Why it ended: the limit; what is yielded is over, or failed; a backend has no room; an item is
not for it: one that is wrong, or for a ROUTER, whose addresses have to be unveiled."""
Pumped = tuple[int, int, int, int, Any]
"""Messages sent, their bytes, nanoseconds in the function, why it ended, and what goes with that:
what was raised, or the item."""


def pump(
    results: Iterator[Any],
    names: dict[str, int],
    targets: tuple[Target, ...],
    limit: int,
    capture: zmq.Socket[bytes] | None,
    tap: zmq.Socket[bytes] | None,
    label: bytes = b"",
    /,
) -> Pumped:
    """Send what is yielded, up to `limit` items. `names` has the number of each target."""
    sent = size = spent = 0
    for _ in range(limit):
        before = time.monotonic_ns()
        item, raised = _next(results)
        spent += time.monotonic_ns() - before
        if item is None:
            return sent, size, spent, ENDED if raised is None else RAISED, raised
        at = place_of(item[0], names)
        if at is None or targets[at].is_router:
            return sent, size, spent, OTHER, item[0]
        message = item[0][1]
        if not send_burst(targets[at].socket, (message,))[0]:
            return sent, size, spent, FULL, item[0]
        more = sum(map(len, message))
        targets[at].sent(more)
        sent, size = sent + 1, size + more
        _copy(message, capture, tap, label)
    return sent, size, spent, MORE, None


def pump_nothing(results: Iterator[Any], *unused: Any) -> Pumped:
    """Return each item without sending it; otherwise like `pump`."""
    before = time.monotonic_ns()
    item, raised = _next(results)
    spent = time.monotonic_ns() - before
    if item is None:
        return 0, 0, spent, ENDED if raised is None else RAISED, raised
    return 0, 0, spent, OTHER, item[0]


def _next(results: Iterator[Any]) -> tuple[tuple[Any] | None, BaseException | None]:
    """Return (item in a tuple, None), or (None, what was raised)."""
    try:
        return (next(results),), None
    except StopIteration:
        return None, None
    except BaseException as error:
        return None, error


def _copy(
    message: Sequence[bytes],
    capture: zmq.Socket[bytes] | None,
    tap: zmq.Socket[bytes] | None,
    label: bytes,
) -> None:
    if capture is not None:
        send_burst(capture, ([label, *message] if label else message,))
    if tap is not None:
        send_burst(tap, ([b">", *message],))


def place_of(item: Any, names: Mapping[str, int]) -> int | None:
    """Return the number of an item's backend; None for a malformed item."""
    if type(item) is not tuple or len(item) != 2 or type(item[0]) is not str:
        return None
    try:
        check_frames(item[1])
    except (TypeError, ValueError):
        return None
    return names.get(item[0])
