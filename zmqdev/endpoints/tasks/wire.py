"""Requests out and replies in, where both sides know ids."""

from __future__ import annotations

import math
from typing import Protocol

import zmq

from zmqdev.endpoints.task import BURST
from zmqdev.endpoints.tasks.requests import GivenReply, Requests
from zmqdev.relay import recv_burst, send_burst

Message = list[bytes]
# (messages that came, the replies among them)
Came = tuple[int, list[GivenReply]]


class Wire(Protocol):
    """The connections of a client."""

    @property
    def readers(self) -> tuple[zmq.Socket[bytes], ...]:
        """Sockets for replies, beside the endpoint's own."""

    @property
    def wants_room(self) -> bool:
        """Whether the endpoint's own socket had no room for waiting requests."""

    def collect(self, now: float) -> Came:
        """Receive what is here."""

    def send(self, now: float) -> int:
        """Send what waits, as far as possible; returns how many."""

    def unread(self) -> int:
        """At the end: how many messages are left unread."""

    def deadline(self) -> float:
        """When it must act without an event on a socket."""

    def close(self) -> None:
        """Close the sockets beside the endpoint's own."""


def left_on(socket: zmq.Socket[bytes]) -> list[Message]:
    """All that is here."""
    return [frames for some in iter(lambda: recv_burst(socket, BURST), []) for frames in some]


class Shared:
    """One socket for all requests: each has an id before its empty frame."""

    readers: tuple[zmq.Socket[bytes], ...] = ()

    def __init__(self, socket: zmq.Socket[bytes], requests: Requests) -> None:
        self._socket, self._requests = socket, requests

    @property
    def wants_room(self) -> bool:
        return self._requests.waits_to_send

    def collect(self, now: float) -> Came:
        came = recv_burst(self._socket, BURST)
        receive = self._requests.receive
        found = [receive(frames, now) for frames in came]
        return len(came), [reply for reply in found if reply is not None]

    def send(self, now: float) -> int:
        burst = self._requests.burst(BURST)
        accepted = send_burst(self._socket, burst)[0] if burst else 0
        self._requests.sent(accepted)
        return accepted

    def unread(self) -> int:
        return len(left_on(self._socket))

    def deadline(self) -> float:
        return math.inf

    def close(self) -> None:
        """It has no socket of its own."""
