"""Making the reliable worker, and the requests of the reliable client, from a spec."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import zmq

from zmqdev.broker.session import Session
from zmqdev.device.socket import make
from zmqdev.endpoints.defaults import work_of
from zmqdev.endpoints.tasks.calls import Calls
from zmqdev.endpoints.tasks.faults import Faults
from zmqdev.endpoints.tasks.jobs import Workbench
from zmqdev.endpoints.tasks.posts import Collecting, Posts
from zmqdev.endpoints.tasks.reliable_worker import QueueLine, ReliableWorker
from zmqdev.options.endpoint import ClientSpec, WorkerSpec
from zmqdev.wire.call import RANDOM
from zmqdev.wire.dialect import DIALECTS


def reliable_calls(spec: ClientSpec) -> Calls:
    """Make the requests of a reliable client."""
    kind = Collecting if spec.collect else Posts if spec.post else Calls
    return kind(
        spec.window,
        spec.timeout,
        spec.retries,
        prefix=os.urandom(RANDOM),
        protocol=spec.protocol,
        service=spec.service.encode(),
    )


def reliable_worker(
    spec: WorkerSpec, socket: zmq.Socket[bytes], hang_up: Callable[[], None]
) -> ReliableWorker:
    """Make the task of a reliable worker, with a line for each job to each queue.

    The first line has the endpoint's own socket, which is connected later. `hang_up` is called
    before it is disconnected, see `Post`.
    """
    addresses = [address for _ in range(spec.jobs) for address in spec.connect]
    lines = [_line(spec, addresses[0], socket, hang_up)]
    for address in addresses[1:]:
        lines.append(_line(spec, address, _connected(spec, address, socket.context)))
    faults = Faults(spec.crash_after, spec.hang_after)
    return ReliableWorker(lines, Workbench(work_of(spec)), spec.count, faults)


def _line(
    spec: WorkerSpec,
    address: str,
    socket: zmq.Socket[bytes],
    hang_up: Callable[[], None] = lambda: None,
) -> QueueLine:
    dialect = DIALECTS[spec.protocol]
    session = Session(dialect, spec.service.encode(), spec.heartbeat, time.monotonic())
    return QueueLine(socket, address, session, hang_up)


def _connected(spec: WorkerSpec, address: str, context: zmq.Context[Any]) -> zmq.Socket[bytes]:
    opened = make(context, "socket", "DEALER", spec.sockopts)
    opened.secure(spec, label=spec.name)
    opened.connect(address)
    return opened.socket
