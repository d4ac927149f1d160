"""The processes of a run as the bench handles them: start, send, receive, end."""

from __future__ import annotations

import contextlib
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import IO, Any

from zmqdev.errors import RunError
from zmqdev.system.interpreter import command
from zmqdev.tools.bench.party import pipe
from zmqdev.tools.bench.party.messages import Opened, Order
from zmqdev.tools.bench.party.party import MEET

PATIENCE = 30.0
"""Seconds to wait for what takes milliseconds; the machine may be busy."""


class CrewMember:
    """The process of one party."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.process = subprocess.Popen(
            command("zmqdev.tools.bench.party.party"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._in, self._out = _file(self.process.stdin), _file(self.process.stdout)
        self.tell(order)

    def tell(self, thing: Any) -> None:
        """Send an object to the process; raises RunError when it has ended."""
        try:
            pipe.write(self._in.fileno(), thing)
        except pipe.Closed:
            raise self._gone() from None

    def hear(self, patience: float = PATIENCE) -> Any:
        """Return the next object it sends; raises RunError when none comes in
        `patience` seconds."""
        poll = select.poll()
        poll.register(self._out, select.POLLIN)
        if not poll.poll(patience * 1000):
            raise RunError(f"bench: the {self.order.role} has not answered within {patience:.0f} s")
        try:
            return pipe.read(self._out.fileno())
        except pipe.Closed:
            raise self._gone() from None

    def _gone(self) -> RunError:
        return RunError(f"bench: the {self.order.role} has ended, status {self.process.wait()}")

    def leave(self) -> None:
        """Close the pipe, which tells the party to leave; `end` waits for it."""
        self._in.close()

    def end(self) -> None:
        """Wait for the process to end, and kill it after two seconds."""
        self.leave()
        try:
            self.process.wait(2.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._out.close()


def _file(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


class Crew:
    """All members of a run. `end` ends every member that was started."""

    def __init__(self) -> None:
        self._members: list[CrewMember] = []

    def start(self, orders: Sequence[Order]) -> tuple[list[CrewMember], list[Opened]]:
        """Start a process per order, all at the same time; return what each has opened."""
        members = []
        for order in orders:
            members.append(CrewMember(order))
            self._members.append(members[-1])
        return members, [member.hear() for member in members]

    @property
    def pids(self) -> list[int]:
        """Return the process ids of all members."""
        return [member.process.pid for member in self._members]

    def meet(self, members: Sequence[CrewMember]) -> None:
        """Wait until all are connected, through whatever is between them."""
        ask(members, MEET)

    def end(self) -> None:
        """Let all members leave, then wait for each."""
        for member in self._members:
            with contextlib.suppress(OSError):
                member.leave()
        for member in self._members:
            member.end()


@contextlib.contextmanager
def crew() -> Iterator[Crew]:
    """Yield a crew and end it when the context ends."""
    made = Crew()
    try:
        yield made
    finally:
        made.end()


def ask(members: Sequence[CrewMember], question: Any, patience: float = PATIENCE) -> list[Any]:
    """Send all members the same question, then return the answer of each."""
    for member in members:
        member.tell(question)
    until = time.monotonic() + patience
    return [member.hear(max(0.0, until - time.monotonic())) for member in members]
