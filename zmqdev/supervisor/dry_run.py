"""`run --dry-run`: open every socket as `run` would, and close it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import zmq

from zmqdev.device.engine import Engine
from zmqdev.device.socket import OpenSocket
from zmqdev.endpoints.build import join, open_socket
from zmqdev.errors import ZmqdevError
from zmqdev.options.device import DeviceSpec
from zmqdev.options.endpoint import ENDPOINTS
from zmqdev.options.kind import KINDS, DeviceKind
from zmqdev.options.part import Part
from zmqdev.topology.links import Plan
from zmqdev.topology.selection import starting

Make = Callable[[DeviceKind, DeviceSpec], Engine]


def rehearse(plan: Plan, make: Make) -> Iterator[tuple[str, bool]]:
    """Yield (line, whether it succeeded) for each address, or for a part that cannot be opened.

    All sockets stay open until the end, so that conflicts between parts are found.
    """
    context: zmq.Context[Any] = zmq.Context()
    parts = {part.name: part for part in plan.topology.parts}
    with ExitStack() as stack:
        stack.callback(context.term)
        for name in (name for group in starting(plan) for name in group):
            try:
                opened = _open(parts[name], context, make, stack)
            except ZmqdevError as error:
                yield f"{name}: {error}", False
            else:
                yield from ((line, True) for line in _lines(name, opened))


def _open(
    part: Part, context: zmq.Context[Any], make: Make, stack: ExitStack
) -> tuple[OpenSocket, ...]:
    spec = part.spec
    if isinstance(spec, DeviceSpec):
        wake = context.socket(zmq.PAIR)
        stack.callback(wake.close, 0)
        engine = make(KINDS[part.kind], spec)
        engine.open(context, wake, lambda side: None)
        stack.callback(engine.close, 0)
        return engine.sockets()
    opened = open_socket(context, ENDPOINTS[part.kind], spec)
    stack.callback(opened.close, 0)
    join(opened, spec)
    return (opened,)


def _lines(name: str, opened: tuple[OpenSocket, ...]) -> Iterator[str]:
    for side in opened:
        for state in side.addresses:
            yield f"{name} {side.name} {side.type} {state.verb} {state.actual}"
