"""The parties of `bench route`: messages with topics or fields, and a reader of all backends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import zmq

from zmqdev.tools.bench.party.messages import Opened, Order, ReceivedCount
from zmqdev.tools.bench.party.party import Parent, Seat
from zmqdev.tools.bench.party.pushing import Pusher, Taking
from zmqdev.tools.bench.party.ring import Ring
from zmqdev.tools.bench.routed import JSON_SIZE, TOPICS, TYPES


class RouteRing(Ring):
    """A ring whose messages routes can tell apart; each topic and type is equally frequent."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        made = map(_json(size) if size >= JSON_SIZE else _topic(size), range(self.length))
        self._messages = [[message] for message in made] * 2


def _topic(size: int) -> Callable[[int], bytes]:
    """Return a function that makes a message with a topic.

    Consecutive topics lie far apart, so that no lookup table profits from their order.
    """
    return lambda number: (b"%03d." % (number * 7 % TOPICS)).ljust(size, b"x")


def _json(size: int) -> Callable[[int], bytes]:
    """Return a function that makes a JSON message: half one text, the rest fields, `type` last."""
    head, count = '"text": "%s"' % ("y" * (size // 2)), 0
    room = size - len(json.dumps({"id": 10**6, "type": max(TYPES, key=len)})) - 2
    while len(head) + len(more := f', "k{count}": {count}') <= room:
        head, count = head + more, count + 1

    def made(number: int) -> bytes:
        text = f'{{"id": {number}, {head}, "type": "{TYPES[number % len(TYPES)]}"'
        return (text.ljust(size - 1) + "}").encode()

    return made


class RoutePusher(Pusher):
    """A pusher whose messages have topics or fields."""

    def __init__(self, order: Order, context: zmq.Context[Any]) -> None:
        super().__init__(order, context)
        self._ring = RouteRing(order.case.size)


class RoutePuller(Taking):
    """Counts what comes from all backends."""

    def __init__(self, order: Order, context: zmq.Context[Any]) -> None:
        super().__init__(Seat(context, zmq.PULL, order))

    def open(self) -> Opened:
        return Opened(self.seat.open())

    def meet(self, parent: Parent) -> None:
        self.seat.meet(parent)

    def run(self, parent: Parent) -> ReceivedCount:
        self.serve(parent)
        return ReceivedCount(self.messages, self.marks.all)
