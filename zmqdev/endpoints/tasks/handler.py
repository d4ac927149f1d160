"""sub and pull with --exec: runs a command for each message, and prints or sends its output.

Nothing is received while all jobs are in use, or while output cannot leave. So a slow command slows
down a pusher, and a publisher drops messages above the high-water mark.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import zmq

from zmqdev.device.socket import events
from zmqdev.endpoints.task import AT_ONCE, Rest, Wait, counted
from zmqdev.endpoints.tasks.base import CountedTask, TaskBacklog
from zmqdev.endpoints.tasks.jobs import Workbench
from zmqdev.endpoints.tasks.last import Last
from zmqdev.errors import RunError, ZmqdevError
from zmqdev.relay import send_burst
from zmqdev.system.stdio import OUTPUT, Sink

# Seconds until another attempt when a target had no room.
RETRY = 0.01


class MessageHandler(CountedTask):
    """The task of a receiver with a command; `flow` counts the messages taken.

    Without a sink the output is not printed. Each output is sent to all `targets` as a message.
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        bench: Workbench,
        count: int | None,
        sink: Sink | None,
        targets: Sequence[zmq.Socket[bytes]] = (),
    ) -> None:
        super().__init__(count)
        self.lingers = bool(targets)
        self._socket, self._bench, self._sink = socket, bench, sink
        self._waiting: dict[zmq.Socket[bytes], deque[list[bytes]]] = {t: deque() for t in targets}
        self._backlog = TaskBacklog(socket)
        self._surplus = Last(socket)
        self._surplus.keep = False

    @property
    def ended(self) -> bool:
        if self._sink is not None and self._sink.closed:
            return True
        if self._bench.active or self._full:
            return False
        return self._complete or (self._backlog.stopped and not self._backlog)

    @property
    def _full(self) -> bool:
        """Return whether there is output that has not left."""
        return any(self._waiting.values()) or (self._sink is not None and not self._sink.empty)

    def step(self, now: float) -> Wait:
        for output in self._bench.step(now):
            if any(output):
                self._pass_on(output)
        sent = self._send()
        came = 0 if self._full else self._take(now)
        if sent or came:
            self.stalled_since = None
            return AT_ONCE
        if not self._bench.active:
            self._stalled(now)
        return self._wait(now)

    def stop(self, now: float) -> None:
        """Receive nothing more; messages already here are still handled."""
        self._backlog.stop()

    @property
    def intake(self) -> Callable[[int], int] | None:
        """Return a function that only counts messages beyond the count.

        A stopped task handles those that it has.
        """
        return self._surplus.take if self._complete and not self._backlog.stopped else None

    def rest(self) -> Rest | None:
        working = self._bench.active + len(self._backlog)
        if working:
            return Rest(f"{counted(working, 'message')} to be worked on", of_peers=False)
        if any(self._waiting.values()):
            return Rest("a peer to take the output")
        return Rest(OUTPUT, of_peers=False) if self._full else None

    def verdict(self) -> ZmqdevError | None:
        failed = self._bench.failed
        return RunError(f"{failed} of {self.flow.messages} commands failed") if failed else None

    def reports(self) -> list[str]:
        left = len(self._backlog) + self._bench.active
        lines = [f"received and not handled: {counted(left, 'message')}"] if left else []
        unsent = sum(map(len, self._waiting.values()))
        lines += [f"output not sent: {counted(unsent, 'message')}"] if unsent else []
        return lines + self._surplus.report()

    def summary(self) -> str | None:
        failed = f", {self._bench.failed} failed" if self._bench.failed else ""
        return f"{counted(self.flow.messages, 'command')}{failed}" if self.flow.messages else None

    def extra(self) -> dict[str, float]:
        return {"jobs": self._bench.active, "failed": self._bench.failed}

    def close(self) -> None:
        self._bench.close()
        for target in self._waiting:
            target.close()  # with its linger

    def _pass_on(self, output: list[bytes]) -> None:
        for waiting in self._waiting.values():
            waiting.append(output)
        if self._sink is not None:
            self._sink.write(self._bench.work.joiner.join(output))

    def _send(self) -> int:
        if self._sink is not None:
            self._sink.flush()
        done = 0
        for target, waiting in self._waiting.items():
            events(target)  # otherwise an idle publisher does not learn of its subscribers
            accepted = send_burst(target, list(waiting))[0] if waiting else 0
            for _ in range(accepted):
                waiting.popleft()
            done += accepted
        return done

    def _take(self, now: float) -> int:
        """Start as many commands as there are free jobs; return how many."""
        begun = 0
        while (limit := self._limit()) and (messages := self._backlog.next(limit)):
            for frames in messages:
                self._bench.start(self.flow.messages, [], frames, now)
                self.flow.add([frames])
            begun += len(messages)
        return begun

    def _limit(self) -> int:
        left = self._bench.room
        return left if self.expected is None else min(left, self.expected - self.flow.messages)

    def _wait(self, now: float) -> Wait:
        takes = self._limit() and not self._backlog.stopped and not self._full
        bench, until = self._bench, self._bench.until(now)
        if any(self._waiting.values()):
            until = min(until, now + RETRY)
        writers = bench.writers
        if self._sink is not None and not self._sink.empty:
            writers = (*writers, self._sink.descriptor)
        outlets = self._sink.outlets if self._sink is not None else ()
        return Wait(zmq.POLLIN if takes else 0, bench.readers, writers, outlets, until)
