"""The jobs of a worker: a limited number at a time, each with a pause, a command, a reply."""

from __future__ import annotations

import logging
import math
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from zmqdev.endpoints.tasks.command import Command
from zmqdev.endpoints.tasks.failure import failure as said
from zmqdev.endpoints.tasks.work import Work

log = logging.getLogger("zmqdev")
# Seconds between two looks for the end of a command without an exit descriptor.
LOOK = 0.02


@dataclass(slots=True)
class Job:
    """A request that is worked on. `number` counts from 0; `due` is when its pause ends."""

    number: int
    envelope: list[bytes]
    body: list[bytes]
    due: float
    running: Command | None = None


class Workbench:
    """The jobs at work.

    Call `start` while there is `room`, then `step` for the replies, which begin with the envelope.
    """

    def __init__(
        self,
        work: Work,
        clock: Callable[[], float] = time.time,
        draw: Callable[[], int] = lambda: random.getrandbits(32),
    ) -> None:
        self.work = work
        self.failed = 0
        self._clock, self._draw = clock, draw
        self._pausing: deque[Job] = deque()  # in the order of their due times
        self._running: list[Job] = []

    @property
    def active(self) -> int:
        """Return how many jobs are not finished."""
        return len(self._pausing) + len(self._running)

    @property
    def room(self) -> int:
        """Return how many jobs may be started."""
        return self.work.jobs - self.active

    def start(self, number: int, envelope: list[bytes], body: list[bytes], now: float) -> None:
        """Start a job."""
        self._pausing.append(Job(number, envelope, body, now + self.work.delay))

    def answer(self, number: int, envelope: list[bytes], body: list[bytes]) -> list[bytes]:
        """Return the reply to a request that needs neither a pause nor a command."""
        if self.work.echo:
            return envelope + body
        joined = self.work.joiner.join(body)
        now, draw = self._clock(), self._draw()
        return envelope + [frame.render(number, now, draw, joined) for frame in self.work.reply]

    def step(self, now: float) -> list[list[bytes]]:
        """Return the replies of the jobs that have finished."""
        replies = []
        while self._pausing and self._pausing[0].due <= now:
            job = self._pausing.popleft()
            if self.work.command is None:
                replies.append(self.answer(job.number, job.envelope, job.body))
            else:
                self._launch(job, self.work.command, now, replies)
        still = []
        for job in self._running:
            reply = self._finished(job, now)
            if reply is None:
                still.append(job)
            else:
                replies.append(reply)
        self._running = still
        return replies

    def until(self, now: float) -> float:
        """Return when to call `step` next, if no descriptor is ready before."""
        times = [self._pausing[0].due] if self._pausing else []
        for job in self._running:
            assert job.running is not None
            times.append(now + LOOK if job.running.silent_end else job.running.due)
        return min(times, default=math.inf)

    @property
    def readers(self) -> tuple[int, ...]:
        """Return the descriptors to poll for reading."""
        return tuple(d for job in self._running if job.running for d in job.running.readers)

    @property
    def writers(self) -> tuple[int, ...]:
        """Return the descriptors to poll for writing."""
        return tuple(d for job in self._running if job.running for d in job.running.writers)

    def close(self) -> None:
        """Stop the running commands."""
        for job in self._running:
            if job.running is not None:
                job.running.stop()
        self._running = []

    def _launch(self, job: Job, command: str, now: float, replies: list[list[bytes]]) -> None:
        body = self.work.joiner.join(job.body)
        try:
            job.running = Command(command, body, _environment(job), now + self.work.limit)
        except OSError as error:  # no more processes, memory or descriptors
            replies.append(self._failure(job, f"could not be started: {error.strerror}"))
        else:
            self._running.append(job)

    def _finished(self, job: Job, now: float) -> list[bytes] | None:
        assert job.running is not None
        outcome = job.running.step(now)
        if outcome is None:
            return None
        if outcome.failure is not None:
            return self._failure(job, outcome.failure)
        separator = self.work.separator
        output = outcome.output
        return job.envelope + ([output] if separator is None else output.split(separator))

    def _failure(self, job: Job, failure: str) -> list[bytes]:
        self.failed += 1
        log.warning("%s %d: the command %s", self.work.noun, job.number, failure)
        return [] if self.work.silent else [*job.envelope, said(failure)]


def _environment(job: Job) -> dict[str, str]:
    """Return the environment variables of a command.

    ZMQDEV_TOPIC is the first frame of several, or "". A variable cannot hold NUL, so it is also ""
    for a topic with NUL.
    """
    topic = job.body[0] if len(job.body) > 1 and b"\0" not in job.body[0] else b""
    return {
        "ZMQDEV_NUMBER": str(job.number),
        "ZMQDEV_FRAMES": str(len(job.body)),
        "ZMQDEV_TOPIC": topic.decode(errors="surrogateescape"),
    }
