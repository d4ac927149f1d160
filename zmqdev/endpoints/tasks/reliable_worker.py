"""The reliable worker: one conversation with the queue for each job at a time.

Majordomo and Paranoid Pirate give a worker one request at a time. So `--jobs 8` is eight workers in
one program, each with its own socket, and as many for each further queue. `broker.session` decides
what is sent; the sockets and the workbench are here.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping

import zmq

from zmqdev.broker.session import Session
from zmqdev.endpoints.task import AT_ONCE, BURST, Rest, Wait, counted
from zmqdev.endpoints.tasks.base import CountedTask
from zmqdev.endpoints.tasks.faults import Faults
from zmqdev.endpoints.tasks.jobs import Workbench
from zmqdev.relay import recv_burst, send_burst

# Seconds until another attempt when a socket of a further job had no room. That is so while the
# queue is away, so a longer time does no harm.
RETRY = 0.1


class QueueLine:
    """One conversation and its socket; `hang_up` is called before the socket is disconnected."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        address: str,
        session: Session,
        hang_up: Callable[[], None] = lambda: None,
    ) -> None:
        self.socket = socket
        self.session = session
        self._address = address
        self._hang_up = hang_up
        self._generation = session.generation

    def receive(self, now: float) -> list[tuple[list[bytes], list[bytes]]]:
        """Return (address, body) of each request that has come."""
        jobs = []
        for frames in recv_burst(self.socket, BURST):
            job = self.session.receive(frames, now)
            if job is not None:
                jobs.append(job)
        return jobs

    def send(self) -> int:
        """Send the messages of the session; return how many have left."""
        if not self.session.outbox:
            return 0
        accepted, _ = send_burst(self.socket, self.session.outbox)
        del self.session.outbox[:accepted]
        return accepted

    def renew(self) -> None:
        """Connect anew after the end of a conversation.

        The queue knows a worker by its connection.
        """
        if self.session.generation == self._generation or self.session.has_left:
            return
        self._generation = self.session.generation
        self._hang_up()
        self.socket.disconnect(self._address)
        while recv_burst(self.socket, BURST):
            pass  # requests of the old connection were given to other workers
        self.socket.connect(self._address)


class ReliableWorker(CountedTask):
    """The task of a reliable worker; `flow` counts the replies.

    `lines` has one for each job at a time, to each queue.
    """

    noun = "request"
    nothing = "no request came"

    def __init__(
        self, lines: list[QueueLine], bench: Workbench, count: int | None, faults: Faults
    ) -> None:
        super().__init__(count)
        self._lines, self._bench, self._faults = lines, bench, faults
        self._taken = 0
        # For each job: its line, the generation, and the envelope of the reply.
        self._jobs: dict[int, tuple[QueueLine, int, list[bytes]]] = {}
        self._waiting: deque[tuple[int, list[bytes]]] = deque()  # not started yet
        self._stopping = False

    @property
    def ended(self) -> bool:
        return all(line.session.has_left and not line.session.outbox for line in self._lines)

    def step(self, now: float) -> Wait:
        if self._faults.hangs:
            return Wait()
        came = self._receive(now)
        self._work(now)
        sent = 0
        for line in self._lines:
            line.session.tick(now)
            line.renew()
            sent += line.send()
        if self._faults.hangs:
            return Wait()
        if sent or came:
            self.stalled_since = None
            return AT_ONCE
        if not self._jobs:
            self._stalled(now)
        return self._wait(now)

    def stop(self, now: float) -> None:
        """Finish the current requests; the queue gives the others to other workers."""
        self._stopping = True
        for line in self._lines:
            line.session.stop(now)

    def rest(self) -> Rest | None:
        if self._jobs:
            return Rest(f"{counted(len(self._jobs), 'request')} to be worked on", of_peers=False)
        return None if self.ended else Rest("the queue, to say that it leaves")

    def reports(self) -> list[str]:
        left = len(self._jobs)
        lines = [f"received and not answered: {counted(left, 'request')}"] if left else []
        stale = sum(line.session.stale for line in self._lines)
        if stale:
            lines.append(f"answered too late, given to other workers meanwhile: {stale}")
        return lines

    def extra(self) -> Mapping[str, float]:
        return {
            "jobs": len(self._jobs),
            "failed": self._bench.failed,
            "malformed": sum(line.session.malformed for line in self._lines),
            "unanswered": sum(line.session.stale for line in self._lines),
        }

    def close(self) -> None:
        self._bench.close()
        for line in self._lines[1:]:  # the first one's socket is the endpoint's
            line.socket.close()

    def _receive(self, now: float) -> int:
        came = 0
        for line in self._lines:
            for address, body in line.receive(now):
                came += 1
                self._take(line, address, body)
        return came

    def _take(self, line: QueueLine, address: list[bytes], body: list[bytes]) -> None:
        number = self._taken
        self._faults.taken(number)
        self._taken += 1
        self._jobs[number] = (line, line.session.generation, address)
        self._waiting.append((number, body))

    def _work(self, now: float) -> None:
        """Start and finish jobs. The envelope of a job is its number."""
        if self._faults.hangs:
            return
        bench = self._bench
        while self._waiting and (bench.work.instant or bench.room):
            number, body = self._waiting.popleft()
            if bench.work.instant:
                self._answer(bench.answer(number, [b"%d" % number], body), now)
            else:
                bench.start(number, [b"%d" % number], body, now)
        for reply in bench.step(now):
            self._answer(reply, now)
        if self.expected is not None and self._taken >= self.expected and not self._stopping:
            self.stop(now)

    def _answer(self, reply: list[bytes], now: float) -> None:
        line, generation, address = self._jobs.pop(int(reply[0]))
        body = reply[1:] or [b""]
        if line.session.finish(generation, address, body, now):
            self.flow.add([body])

    def _wait(self, now: float) -> Wait:
        until = min(line.session.deadline() for line in self._lines)
        first, *further = self._lines
        if any(line.session.outbox for line in further):
            until = min(until, now + RETRY)
        bench = self._bench
        return Wait(
            zmq.POLLIN | (zmq.POLLOUT if first.session.outbox else 0),
            (*bench.readers, *(line.socket for line in further)),
            bench.writers,
            until=min(until, bench.until(now), math.inf),
        )
