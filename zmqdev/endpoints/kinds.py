"""The task of each kind, made on its open socket. A new kind is a row."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import zmq

from zmqdev.device.sockets import OpenSocket, apply, make
from zmqdev.endpoints.choosing import blocks, feed_of, layout_of, pace_of, work_of
from zmqdev.endpoints.client import Client
from zmqdev.endpoints.gate import Gate, Subscriptions
from zmqdev.endpoints.receiver import Receiver
from zmqdev.endpoints.requests import Requests
from zmqdev.endpoints.sender import Sender
from zmqdev.endpoints.sink import Sink
from zmqdev.endpoints.task import Task
from zmqdev.endpoints.workbench import Workbench
from zmqdev.endpoints.worker import Worker
from zmqdev.spec import endpoint as specs
from zmqdev.spec.endpoint import EndpointKind
from zmqdev.spec.endpoint_check import type_of

Peers = Callable[[], int]
"""How many peers are connected now."""


def open_socket(context: zmq.Context[Any], kind: EndpointKind, spec: Any) -> OpenSocket:
    """The endpoint's socket with its options set; `join` binds and connects it."""
    opened = make(context, "socket", type_of(kind, spec), spec.sockopts)
    try:
        opened.secure(spec)
    except BaseException:
        opened.close(0)
        raise
    if opened.type == "SUB":
        for prefix in spec.subscribe or (b"",):
            opened.socket.setsockopt(zmq.SUBSCRIBE, prefix)
    if isinstance(spec, specs.Pub) and blocks(kind.name, spec):
        apply(opened.socket, {"xpub_nodrop": True})
    return opened


def join(opened: OpenSocket, spec: Any) -> None:
    """Bind and connect. RunError names the address that cannot be had."""
    for address in spec.bind:
        opened.bind(address)
    for address in spec.connect:
        opened.connect(address)


def task_for(kind: EndpointKind, spec: Any, socket: zmq.Socket[bytes], peers: Peers) -> Task:
    """What the endpoint does. UsageError or RunError when its input or output cannot be had."""
    return _MAKERS[kind.name](kind, spec, socket, peers)


def _pub(kind: EndpointKind, spec: Any, socket: zmq.Socket[bytes], peers: Peers) -> Task:
    subscriptions = Subscriptions() if socket.type == zmq.XPUB else None
    present = (lambda: subscriptions.held) if subscriptions is not None else peers
    gate = Gate(spec.wait_subscribers, present, "subscribers")
    feed, pace = feed_of(kind.name, spec), pace_of(kind.name, spec)
    return Sender(socket, feed, pace, gate, subscriptions)


def _push(kind: EndpointKind, spec: Any, socket: zmq.Socket[bytes], peers: Peers) -> Task:
    gate = Gate(spec.wait_peers, peers, "peers")
    return Sender(socket, feed_of(kind.name, spec), pace_of(kind.name, spec), gate, None)


def _receiver(kind: EndpointKind, spec: Any, socket: zmq.Socket[bytes], peers: Peers) -> Task:
    sink = Sink()
    return Receiver(socket, sink, layout_of(spec, terminal=sink.terminal), spec.count)


def _client(kind: EndpointKind, spec: Any, socket: zmq.Socket[bytes], peers: Peers) -> Task:
    sink = Sink()
    # Ids begin anywhere, so that a reply to a client that was restarted matches nothing here.
    requests = Requests(
        spec.window, spec.timeout, spec.retries, int.from_bytes(os.urandom(4), "big")
    )
    gate = Gate(spec.wait_peers, peers, "peers")
    layout = replace(layout_of(spec), terminal=sink.terminal)
    feed, pace = feed_of(kind.name, spec), pace_of(kind.name, spec)
    return Client(socket, feed, pace, gate, requests, sink, layout)


def _worker(kind: EndpointKind, spec: Any, socket: zmq.Socket[bytes], peers: Peers) -> Task:
    return Worker(socket, Workbench(work_of(spec)), spec.count)


_MAKERS: dict[str, Callable[[EndpointKind, Any, zmq.Socket[bytes], Peers], Task]] = {
    "pub": _pub,
    "sub": _receiver,
    "push": _push,
    "pull": _receiver,
    "client": _client,
    "worker": _worker,
}
