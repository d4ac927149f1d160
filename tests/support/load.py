"""Clients that check: each request has an id of its own, each reply is looked at."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque

import zmq

# Nothing here takes this long; a test that hangs should say so.
PATIENCE = 60.0


class Load:
    """DEALER clients with a window each, in a thread. `with` it: requests flow meanwhile.

    A request's body is its id; a reply begins with it. At the end `lost`, `duplicated`
    and `unexpected` are what they say, by id.
    """

    def __init__(self, address: str, clients: int = 4, window: int = 10, total: int | None = None):
        self.total = total
        self.sent: dict[bytes, float] = {}
        self.replies: Counter[bytes] = Counter()
        self.seconds: list[float] = []
        self.bodies: deque[bytes] = deque(maxlen=100_000)
        self._address, self._clients, self._window = address, clients, window
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Send no more, wait for the replies that are due (at most PATIENCE)."""
        self._stop.set()
        self._thread.join(PATIENCE + 10)
        assert not self._thread.is_alive()
        if self._failure is not None:
            raise self._failure

    @property
    def answered(self) -> int:
        return len(self.replies)

    @property
    def lost(self) -> set[bytes]:
        return set(self.sent) - set(self.replies)

    @property
    def duplicated(self) -> set[bytes]:
        return {id for id, times in self.replies.items() if times > 1}

    @property
    def unexpected(self) -> set[bytes]:
        return set(self.replies) - set(self.sent)

    def percentile(self, part: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))]

    def _run(self) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            self._work(context)
        except BaseException as failure:
            self._failure = failure
        finally:
            context.destroy(linger=0)

    def _work(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        poller = zmq.Poller()
        for _ in range(self._clients):
            socket = context.socket(zmq.DEALER)
            socket.connect(self._address)
            poller.register(socket, zmq.POLLIN)
            for _ in range(self._window):
                self._ask(socket)
        end = None
        while not self._stop.is_set() or self.lost:
            for socket, _ in poller.poll(20):
                self._read(socket)
            if self._stop.is_set():
                end = end or time.monotonic() + PATIENCE
                if time.monotonic() > end:
                    return

    def _read(self, socket: zmq.Socket[bytes]) -> None:
        while socket.get(zmq.EVENTS) & zmq.POLLIN:
            empty, body = socket.recv_multipart()
            assert empty == b""
            self.bodies.append(body)
            id = body.split(b" ")[0]
            self.replies[id] += 1
            self.seconds.append(time.monotonic() - self.sent.get(id, 0.0))
            self._ask(socket)

    def _ask(self, socket: zmq.Socket[bytes]) -> None:
        if self._stop.is_set() or (self.total is not None and len(self.sent) >= self.total):
            return
        id = b"%d" % len(self.sent)
        self.sent[id] = time.monotonic()
        socket.send_multipart([b"", id])
