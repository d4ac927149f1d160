"""Building the task of each kind of endpoint on its open socket.

Each task is imported where it is made, so that an endpoint starts without loading the others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import zmq

from zmqdev.device.socket import OpenSocket, apply, census_of, make
from zmqdev.endpoints.defaults import (
    Replayed,
    blocks,
    dialogue_feed,
    feed_of,
    handling_of,
    layout_of,
    pace_of,
    pick_of,
    replay_of,
    subscribers_wanted,
    work_of,
)
from zmqdev.endpoints.feed import Feed
from zmqdev.endpoints.gate import Gate, SeenSubscriptions
from zmqdev.endpoints.outer_feed import TopicFeed
from zmqdev.endpoints.pace import Pacing
from zmqdev.endpoints.stamping import StampedFeed
from zmqdev.endpoints.task import Task
from zmqdev.options import endpoint as specs
from zmqdev.options import sockopt
from zmqdev.options.endpoint import ENDPOINTS, AnyEndpoint, EndpointKind
from zmqdev.options.endpoint_check import type_of
from zmqdev.options.receiving_check import checks
from zmqdev.system.stdio import Aside, Sink


def open_socket(context: zmq.Context[Any], kind: EndpointKind, spec: AnyEndpoint) -> OpenSocket:
    """Make the endpoint's socket and set its options; `join` binds and connects it."""
    opened = make(context, "socket", type_of(kind, spec), spec.sockopts)
    try:
        opened.secure(spec, census_of(spec.limits), spec.name)
        if opened.type == "SUB" and isinstance(spec, specs.Sub):
            for prefix in spec.subscribe or (b"",):
                opened.socket.setsockopt(zmq.SUBSCRIBE, prefix)
        if isinstance(spec, specs.Pub) and blocks(kind.name, spec):
            apply(opened.socket, {"xpub_nodrop": True})
    except BaseException:
        opened.close(0)
        raise
    return opened


def join(opened: OpenSocket, spec: AnyEndpoint) -> None:
    """Bind and connect; RunError names the address that cannot be bound or connected."""
    for address in spec.bind:
        opened.bind(address)
    # A reliable worker makes a socket for each queue; this one is for the first.
    lines = isinstance(spec, specs.WorkerSpec) and spec.reliable
    for address in spec.connect[:1] if lines else spec.connect:
        opened.connect(address)


def _nothing() -> None: ...


@dataclass(frozen=True)
class TaskSurroundings:
    """The socket and the functions that a task is given.

    `peers` returns how many peers are connected, `met` how many connections were made so far.
    Output to a terminal is written inside `aside()`, which keeps it apart from a live view.
    `hang_up` must be called before the socket is disconnected from its addresses, see `Post`.
    """

    socket: zmq.Socket[bytes]
    peers: Callable[[], int]
    aside: Aside = nullcontext
    met: Callable[[], int] = int
    hang_up: Callable[[], None] = _nothing


def task_for(kind: EndpointKind, spec: AnyEndpoint, around: TaskSurroundings) -> Task:
    """Make the task of an endpoint.

    Raises UsageError or RunError when its input or output cannot be opened.
    """
    match spec:
        case specs.Pub():
            return _pub(kind, spec, around)
        case specs.Push():
            return _push(kind, spec, around)
        case specs.Sub() | specs.Pull():
            return _receiver(spec, around)
        case specs.ClientSpec():
            return _client(kind, spec, around)
        case specs.WorkerSpec():
            return _worker(spec, around)
        case specs.Dialogue():
            return _dialogue(kind, spec, around)


def _feed(kind: EndpointKind, spec: Replayed) -> tuple[Feed, Pacing | None]:
    """Return the feed and the pace of a sender."""
    replay = replay_of(spec)
    feed: Feed = replay or feed_of(kind.name, spec)
    if isinstance(spec, specs.Pub) and spec.topic is not None:
        feed = TopicFeed(feed, spec.topic)
    pace: Pacing | None = replay or pace_of(kind.name, spec)
    return StampedFeed(feed) if spec.stamp else feed, pace


def _pub(kind: EndpointKind, spec: specs.Pub, around: TaskSurroundings) -> Task:
    from zmqdev.endpoints.tasks.sender import Sender

    socket = around.socket
    subscriptions = SeenSubscriptions() if socket.type == zmq.XPUB else None
    present = (lambda: subscriptions.held) if subscriptions is not None else around.peers
    gate = Gate(subscribers_wanted(spec), present, "subscribers")
    feed, pace = _feed(kind, spec)
    return Sender(socket, feed, pace, gate, subscriptions)


def _push(kind: EndpointKind, spec: specs.Push, around: TaskSurroundings) -> Task:
    from zmqdev.endpoints.tasks.sender import Sender

    gate = Gate(spec.wait_peers, around.peers, "peers")
    # Without IMMEDIATE, messages are queued for an address where a peer may never come.
    reached = None if spec.bind or around.socket.get(zmq.IMMEDIATE) else around.peers
    feed, pace = _feed(kind, spec)
    return Sender(around.socket, feed, pace, gate, None, reached)


def _handler(spec: specs.Receiving, around: TaskSurroundings) -> Task:
    from zmqdev.endpoints.tasks.handler import MessageHandler
    from zmqdev.endpoints.tasks.jobs import Workbench

    outward = {"PUSH": spec.push, "PUB": spec.pub}
    context = around.socket.context
    targets = [_target(spec, context, *row) for row in outward.items() if row[1]]
    sink = Sink(aside=around.aside) if spec.exec_output else None
    return MessageHandler(around.socket, Workbench(handling_of(spec)), spec.count, sink, targets)


def _target(
    spec: AnyEndpoint, context: zmq.Context[Any], type_: str, addresses: tuple[str, ...]
) -> zmq.Socket[bytes]:
    """Make a socket for the output of commands; RunError when its address cannot be used."""
    kind = ENDPOINTS[type_.lower()]
    linger, connects = round(spec.drain * 1000), len(addresses) if kind.verb == "connect" else 0
    values = sockopt.defaults(type_, hwm=kind.hwm, linger_ms=linger, connects=connects)
    opened = make(context, kind.name, type_, values)
    for address in addresses:
        (opened.bind if kind.verb == "bind" else opened.connect)(address)
    return opened.socket


def _receiver(spec: specs.Receiving, around: TaskSurroundings) -> Task:
    if spec.exec is not None:
        return _handler(spec, around)
    sink = Sink(aside=around.aside)
    if checks(spec):
        from zmqdev.endpoints.tasks.checking import Checking, demands_of

        return Checking(around.socket, sink, demands_of(spec), spec.expect or spec.count)
    layout, pick = layout_of(spec, terminal=sink.terminal), pick_of(spec)
    if isinstance(spec, specs.Pull) and spec.demand:
        from zmqdev.endpoints.tasks.on_demand import OnDemand

        return OnDemand(around.socket, sink, layout, spec.count, spec.demand, around.met)
    if isinstance(spec, specs.Sub) and spec.report_topics:
        from zmqdev.endpoints.tasks.topic_report import TopicReport

        return TopicReport(around.socket, sink, layout, spec.count)
    if pick is not None:
        from zmqdev.endpoints.tasks.picker import Picker

        return Picker(around.socket, sink, layout, spec.count, pick, time.time)
    from zmqdev.endpoints.tasks.receiver import Receiver

    return Receiver(around.socket, sink, layout, spec.count)


def _client(kind: EndpointKind, spec: specs.ClientSpec, around: TaskSurroundings) -> Task:
    from zmqdev.endpoints.tasks.client import ClientTask
    from zmqdev.endpoints.tasks.connections import wire_of
    from zmqdev.endpoints.tasks.requests import Requests

    sink = Sink(aside=around.aside)
    # Ids start at a random number, so that a late reply to an earlier run matches no request.
    first_id = int.from_bytes(os.urandom(4), "big")
    requests = Requests(spec.window, spec.timeout, spec.retries, first_id)
    requests.replies, requests.quiet = spec.replies, spec.reply_timeout
    if spec.reliable:
        from zmqdev.endpoints.tasks.reliable import reliable_calls

        requests = reliable_calls(spec)
    gate = Gate(spec.wait_peers, around.peers, "peers")
    layout = replace(layout_of(spec), terminal=sink.terminal)
    feed, pace = _feed(kind, spec)
    wire = wire_of(spec, around.socket, requests, around.hang_up)
    return ClientTask(around.socket, feed, pace, gate, requests, sink, layout, wire=wire)


def _worker(spec: specs.WorkerSpec, around: TaskSurroundings) -> Task:
    from zmqdev.endpoints.tasks.faults import Faults
    from zmqdev.endpoints.tasks.jobs import Workbench
    from zmqdev.endpoints.tasks.worker import WorkerTask

    if spec.reliable:
        from zmqdev.endpoints.tasks.reliable import reliable_worker

        return reliable_worker(spec, around.socket, around.hang_up)
    faults = Faults(spec.crash_after, spec.hang_after)
    return WorkerTask(around.socket, Workbench(work_of(spec)), spec.count, faults)


def _dialogue(kind: EndpointKind, spec: specs.Dialogue, around: TaskSurroundings) -> Task:
    sink, socket = Sink(aside=around.aside), around.socket
    layout = replace(layout_of(spec), terminal=sink.terminal)
    feed, pace = dialogue_feed(kind.name, spec), pace_of(kind.name, spec)
    # A ROUTER that sends first must wait until a peer is connected.
    wanted = spec.wait_peers or (1 if kind.name == "router" and feed is not None else None)
    gate = Gate(wanted, around.peers, "peers")
    if kind.name in ("req", "rep"):
        from zmqdev.endpoints.tasks.dialogue import Lockstep

        return Lockstep(socket, feed, pace, gate, sink, layout, spec.count)
    from zmqdev.endpoints.addressed import AddressedFeed
    from zmqdev.endpoints.tasks.duplex import Duplex

    if feed is not None and kind.name == "router":
        feed = AddressedFeed(feed)
    quiet = None
    if isinstance(spec, specs.Talk) and not (spec.count or spec.timeout):
        quiet = spec.reply_timeout
    reached = None if kind.name == "router" else around.peers
    return Duplex(socket, feed, pace, gate, sink, layout, spec.count, quiet, reached)
