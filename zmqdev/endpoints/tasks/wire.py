"""The wire of a client: it sends requests and receives replies."""

from __future__ import annotations

import math
from typing import Protocol

import zmq

from zmqdev.endpoints.task import BURST
from zmqdev.endpoints.tasks.requests import GivenReply, Requests
from zmqdev.relay import recv_burst, send_burst

Message = list[bytes]
# (number of messages received, the replies among them)
Came = tuple[int, list[GivenReply]]


class Wire(Protocol):
    """The connections of a client."""

    @property
    def readers(self) -> tuple[zmq.Socket[bytes], ...]:
        """Return sockets for replies besides the endpoint's own."""

    @property
    def wants_room(self) -> bool:
        """Whether requests wait because the endpoint's own socket has no room."""

    def collect(self, now: float) -> Came:
        """Receive what has come."""

    def send(self, now: float) -> int:
        """Send waiting requests as far as possible; return how many."""

    def unread(self) -> int:
        """Return how many messages are left unread at the end."""

    def deadline(self) -> float:
        """Return when it must act without an event on a socket."""

    def close(self) -> None:
        """Close the sockets besides the endpoint's own."""


def left_on(socket: zmq.Socket[bytes]) -> list[Message]:
    """Receive and return all messages that have come."""
    return [frames for some in iter(lambda: recv_burst(socket, BURST), []) for frames in some]


class Shared:
    """One socket for all requests, each with an id before its empty frame."""

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
        """Do nothing: it has no other socket."""
