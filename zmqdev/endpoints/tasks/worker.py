"""worker: takes requests from a socket, works on them and sends the replies.

The envelope is kept whole, whatever its length. A REP socket keeps it itself, and takes one request
at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import zmq

from zmqdev.endpoints.task import AT_ONCE, BURST, Rest, Wait, counted
from zmqdev.endpoints.tasks.base import CountedTask, TaskBacklog
from zmqdev.endpoints.tasks.faults import Faults
from zmqdev.endpoints.tasks.jobs import Workbench
from zmqdev.endpoints.tasks.last import Last
from zmqdev.relay import send_burst
from zmqdev.wire import envelope


class WorkerTask(CountedTask):
    """The task of a worker; `flow` counts the replies."""

    noun = "request"
    nothing = "no request came"

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        bench: Workbench,
        count: int | None,
        faults: Faults | None = None,
    ) -> None:
        super().__init__(count)
        self.unanswered = 0
        self.malformed = 0
        self._socket, self._bench = socket, bench
        self._faults = faults or Faults()
        self._turns = socket.type == zmq.REP
        self._addressed = socket.type == zmq.ROUTER
        self._taken = 0
        self._backlog = TaskBacklog(socket)
        self._replies: deque[list[bytes]] = deque()  # finished and not sent yet
        self._surplus = Last(socket)

    @property
    def ended(self) -> bool:
        if self._replies or self._bench.active:
            return False
        return self._complete or self._backlog.over

    @property
    def _complete(self) -> bool:
        return self.expected is not None and self._taken >= self.expected

    def step(self, now: float) -> Wait:
        if self._faults.hangs:
            return Wait()
        self._replies.extend(self._bench.step(now))
        sent = self._send()
        came = 0 if self._replies and self._bench.work.instant else self._take(now)
        if sent or came:
            self.stalled_since = None
            return AT_ONCE
        if not self._bench.active and not self._replies:
            self._stalled(now)
        return self._wait(now)

    def stop(self, now: float) -> None:
        """Receive nothing more; requests already here are answered."""
        self._backlog.stop()

    @property
    def intake(self) -> Callable[[int], int] | None:
        """Return a function that only counts requests beyond the count or after the stop.

        Peers stay connected, since replies are sent until the end.
        """
        self._surplus.keep = False
        over = self._backlog.stopped and self.ended
        return (
            self._surplus.take if over or (self._complete and not self._backlog.stopped) else None
        )

    def rest(self) -> Rest | None:
        working = self._bench.active + len(self._backlog)
        if working:
            return Rest(f"{counted(working, 'request')} to be worked on", of_peers=False)
        unsent = len(self._replies)
        return Rest(f"a peer to take {counted(unsent, 'reply', 'replies')}") if unsent else None

    def reports(self) -> list[str]:
        left = len(self._backlog) + self._bench.active + len(self._replies)
        lines = [f"received and not answered: {counted(left, 'request')}"] if left else []
        if self.unanswered:
            lines.append(f"replies dropped, client gone: {self.unanswered}")
        late = self._surplus.late("request", "answered")
        return lines + (late if self._backlog.stopped else self._surplus.report())

    def extra(self) -> dict[str, float]:
        return {
            "jobs": self._bench.active,
            "failed": self._bench.failed,
            "malformed": self.malformed,
            "unanswered": self.unanswered,
        }

    def close(self) -> None:
        self._bench.close()

    def _take(self, now: float) -> int:
        """Start as many requests as there is room for; return how many."""
        begun = 0
        while (limit := self._limit()) and (requests := self._backlog.next(limit)):
            for frames in requests:
                self._begin(frames, now)
            begun += len(requests)
            if self._bench.work.instant:
                break
        return begun

    def _limit(self) -> int:
        if self._turns and (self._bench.active or self._replies):
            return 0
        limit = BURST if self._bench.work.instant else self._bench.room
        if self._turns:
            limit = min(limit, 1)
        return limit if self.expected is None else min(limit, self.expected - self._taken)

    def _begin(self, frames: list[bytes], now: float) -> None:
        path, body = self._opened(frames)
        if not body:
            self.malformed += 1
            return
        number = self._taken
        self._faults.taken(number)
        self._taken += 1
        if self._bench.work.instant:
            self._replies.append(self._bench.answer(number, path, body))
        else:
            self._bench.start(number, path, body, now)

    def _opened(self, frames: list[bytes]) -> tuple[list[bytes], list[bytes]]:
        """Split a message into (envelope, body).

        A single frame is a body, from a peer that asks without an envelope.
        """
        if self._turns or len(frames) == 1:
            return [], frames
        return envelope.split(frames)

    def _send(self) -> int:
        """Send replies; return how many are done with."""
        done = 0
        while self._replies:
            burst = [self._replies[at] for at in range(min(len(self._replies), BURST))]
            accepted, reason = send_burst(self._socket, burst)
            self.flow.add(burst[:accepted])
            for _ in range(accepted):
                self._replies.popleft()
            done += accepted
            if self._addressed and reason:
                # The peer is gone or does not read; it must not hold up the others.
                self._replies.popleft()
                self.unanswered += 1
                done += 1
            elif accepted < len(burst):
                break
        return done

    def _wait(self, now: float) -> Wait:
        events = zmq.POLLOUT if self._replies else 0
        if self._limit() and not self._backlog.stopped:
            events |= zmq.POLLIN
        bench = self._bench
        return Wait(events, bench.readers, bench.writers, until=bench.until(now))
