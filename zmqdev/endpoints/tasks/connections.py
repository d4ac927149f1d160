"""The connections of a client: with ids, without, or depending on the queue's answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import zmq

from zmqdev.device.socket import make
from zmqdev.endpoints.tasks.asking import GRACE, Asking
from zmqdev.endpoints.tasks.lanes import Lanes
from zmqdev.endpoints.tasks.requests import Requests
from zmqdev.endpoints.tasks.wire import Shared, Wire
from zmqdev.options.endpoint import ClientSpec
from zmqdev.options.reliable_peers import MOST_CONNECTIONS
from zmqdev.options.reliable_peers_check import asks, has_ids
from zmqdev.wire import majordomo, mmi


def wire_of(
    spec: ClientSpec,
    socket: zmq.Socket[bytes],
    requests: Requests,
    hang_up: Callable[[], None],
) -> Wire:
    """Make the wire of a client on its open socket.

    `hang_up` is called before that socket is disconnected.
    """
    shared = Shared(socket, requests)
    if has_ids(spec):
        return shared
    lanes = Lanes(
        requests, socket, spec.connect, partial(_another, spec, socket.context), MOST_CONNECTIONS
    )
    lanes.hang_up = hang_up
    if not asks(spec):
        return lanes
    return Asking(socket, shared, lanes, _question(spec.protocol), min(GRACE, spec.timeout / 2))


def _question(protocol: str) -> list[bytes]:
    if protocol == "mdp-0.2":
        return majordomo.request_02(mmi.IDS, [b""])
    return [b"", *majordomo.request_01(mmi.IDS, [b""])]


def _another(spec: ClientSpec, context: zmq.Context[Any]) -> zmq.Socket[bytes]:
    opened = make(context, "socket", "DEALER", spec.sockopts)
    opened.secure(spec, label=spec.name)
    for address in spec.connect:
        opened.connect(address)
    return opened.socket
