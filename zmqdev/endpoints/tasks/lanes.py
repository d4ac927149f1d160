"""A client's requests without ids, as REQ sends them: one at a time on each connection.

A lane is a socket with its connections. A reply is matched to the latest request of its lane, so a
late reply to an earlier request must not arrive there. Therefore a lane whose request was given up,
or was sent twice, is connected anew before the next request. (After `disconnect` a DEALER reads
nothing more from a connection.) Messages on a free lane are counted and dropped before the lane is
used, as REQ does.
"""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Sequence

import zmq

from zmqdev.endpoints.task import BURST
from zmqdev.endpoints.tasks.requests import GivenReply, Requests
from zmqdev.endpoints.tasks.wire import Came, left_on
from zmqdev.relay import recv_burst, send_burst

Socket = zmq.Socket[bytes]
# Seconds until another attempt when a lane had no room, which is while no peer is connected.
RETRY = 0.05


class Lanes:
    """The lanes of a client.

    `first` is the endpoint's own socket. `more` makes another one with the same connections; there
    are at most `most`. `aside` is offered every message first, and returns whether it took it.
    `hang_up` is called before `first` is disconnected.
    """

    wants_room = False

    def __init__(
        self,
        requests: Requests,
        first: Socket,
        addresses: Sequence[str],
        more: Callable[[], Socket],
        most: int,
    ) -> None:
        self._most = most
        self.aside: Callable[[list[bytes]], bool] = lambda frames: False
        self.hang_up: Callable[[], None] = lambda: None
        self.renewed: Callable[[Socket], object] = lambda socket: None
        self._requests, self._first = requests, first
        self._addresses, self._more = addresses, more
        self._free: list[Socket] = [first]
        self._busy: dict[bytes, Socket] = {}
        self._own: list[Socket] = []
        self._doubtful: set[Socket] = set()  # may still receive a second reply
        self._retry_at = math.inf

    @property
    def busy(self) -> bool:
        """Whether a request is open."""
        return bool(self._busy)

    @property
    def readers(self) -> tuple[Socket, ...]:
        return tuple(socket for socket in self._busy.values() if socket is not self._first)

    def collect(self, now: float) -> Came:
        came, replies = 0, []
        for id, socket in list(self._busy.items()):
            for frames in recv_burst(socket, BURST):
                came += 1
                reply = self._take(id, frames, now)
                if reply is not None:
                    replies.append(reply)
        return came, replies

    def _take(self, id: bytes, frames: list[bytes], now: float) -> GivenReply | None:
        if self.aside(frames):
            return None
        reply = self._requests.receive(self._requests.whole(id, frames), now)
        if reply is not None and not self._requests.is_open(id):
            self._free.append(self._busy.pop(id))
        return reply

    def send(self, now: float) -> int:
        sent = 0
        self._retry_at = math.inf
        for frames in self._requests.burst(BURST):
            id, strict = self._requests.strict(frames)
            socket = self._lane(id)
            if socket is None:
                break
            if not send_burst(socket, [strict])[0]:
                self._free.append(socket)
                self._retry_at = now + RETRY
                break
            self._busy[id] = socket
            sent += 1
        self._requests.sent(sent)
        return sent

    def unread(self) -> int:
        sockets = (self._first, *self._own)
        return sum(not self.aside(frames) for socket in sockets for frames in left_on(socket))

    def deadline(self) -> float:
        return self._retry_at

    def close(self) -> None:
        for socket in self._own:
            socket.close(0)

    def _lane(self, id: bytes) -> Socket | None:
        """Return a socket that can receive nothing but the reply to this request.

        It is None when all are in use.
        """
        if id in self._busy:
            socket = self._busy.pop(id)
            self._doubtful.add(socket)
            return socket
        if self._free:
            return self._clean(self._free.pop())
        for old, socket in self._busy.items():
            if not self._requests.is_open(old):
                del self._busy[old]
                return self._renew(socket)
        if len(self._own) + 1 >= self._most:
            return None
        self._own.append(self._more())
        return self._own[-1]

    def _clean(self, socket: Socket) -> Socket:
        if socket in self._doubtful:
            return self._renew(socket)
        for frames in recv_burst(socket, BURST):
            self._requests.counts.late += not self.aside(frames)
        return socket

    def _renew(self, socket: Socket) -> Socket:
        if socket is self._first:
            self.hang_up()
        for address in self._addresses:
            try:
                socket.disconnect(address)
            except zmq.ZMQError as error:
                if error.errno != errno.ENOENT:  # not connected at the moment
                    raise
        while recv_burst(socket, BURST):
            pass  # inproc: what came before the disconnect can still be read
        for address in self._addresses:
            socket.connect(address)
        self._doubtful.discard(socket)
        self.renewed(socket)
        return socket
