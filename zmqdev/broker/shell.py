"""The sockets of the reliable queue: bursts in, bursts out, and what could not be sent.

Everything that is decided is decided in `Broker`; here are a ROUTER for the clients,
a ROUTER (plain workers: a DEALER) for the workers, and the clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from errno import EHOSTUNREACH
from itertools import chain

import zmq

from zmqdev.broker.broker import Broker
from zmqdev.relay import Counters, recv_burst, send_burst
from zmqdev.relay.counters import DIRECTIONS, ROWS, TURNS_CELL, WIDTH

Message = list[bytes]
Copy = Callable[[int, list[Message]], None]

# Messages taken at a time: enough to pay for the calls, and well under a millisecond of work.
BURST = 256
# EVENTS of every socket are read this often, idle ones too (S6). Milliseconds.
LONGEST_WAIT = 100
# Turns under load between two looks at the wake-up socket.
TURNS_UNLOOKED = 8
# A lost connection is seen before its pipe is gone: probe again after these seconds (R6).
PROBES = (0.0, 0.003, 0.015, 0.06)
FORWARD, BACKWARD = range(len(DIRECTIONS))


class Shell:
    """`copy` is told of messages that a socket has accepted, for the capture and the tap."""

    def __init__(
        self,
        broker: Broker,
        frontend: zmq.Socket[bytes],
        backend: zmq.Socket[bytes],
        counters: Counters,
    ) -> None:
        self.broker = broker
        self.copy: Copy | None = None
        self._frontend = frontend
        self._backend = backend
        self._cells = counters.cells
        self._probe_at: list[float] = []

    def run(self, wake: zmq.Socket[bytes], *, intake: bool, until: float = float("inf")) -> bool:
        """Work until `wake` is readable: True, or the time is over: False.

        Without `intake` nothing is read from the clients.
        """
        turns = 0
        while True:
            now = time.monotonic()
            busy = self.turn(now, intake)
            turns += 1
            if not busy or turns % TURNS_UNLOOKED == 0:
                if self._wait(wake, 0 if busy else self._patience(until), intake):
                    return True
                if time.monotonic() >= until:
                    return False

    def turn(self, now: float, intake: bool = True) -> bool:
        """Take in what is there, do what is due, send what that gives; False when idle."""
        broker = self.broker
        replies = recv_burst(self._backend, BURST)
        if replies:
            broker.receive_workers(replies, now)
        requests = recv_burst(self._frontend, BURST) if intake else []
        if requests:
            broker.receive_clients(requests, now)
        if self._probe_at:
            self._probe(now)
        broker.tick(now)
        self.send(now)
        self._cells[TURNS_CELL] += 1
        return bool(replies or requests)

    def connection_lost(self) -> None:
        """Somebody at the backend hung up."""
        now = time.monotonic()
        self._probe_at = [now + delay for delay in PROBES]

    def _probe(self, now: float) -> None:
        while self._probe_at and self._probe_at[0] <= now:
            del self._probe_at[0]
            self.broker.connection_lost(now)

    def _patience(self, until: float) -> float:
        """Milliseconds until something is due."""
        due = min(self.broker.deadline(), until, *self._probe_at[:1])
        left = (due - time.monotonic()) * 1000
        # Round up: waking a moment early would mean one empty turn.
        return min(LONGEST_WAIT, max(0, int(left) + 1))

    def _wait(self, wake: zmq.Socket[bytes], timeout: float, intake: bool) -> bool:
        """Wait for any socket; whether it was `wake`."""
        watched = [(wake, zmq.POLLIN), (self._backend, zmq.POLLIN)]
        if intake:
            watched.append((self._frontend, zmq.POLLIN))
        if self.broker.wants_room:
            watched[1] = (self._backend, zmq.POLLIN | zmq.POLLOUT)
        ready = dict(zmq.zmq_poll(watched, int(timeout)))
        if ready.get(self._backend, 0) & zmq.POLLOUT:
            self.broker.room(time.monotonic())
        return wake in ready

    def send(self, now: float) -> None:
        """Send all there is. What a peer did not take may make more: another worker's turn."""
        broker = self.broker
        refused = True
        while refused:
            refused = False
            requests = broker.frames_for_workers()
            if requests:
                refused = self._to_workers(requests, now, FORWARD)
            commands = broker.commands_for_workers()
            if commands:
                refused = self._to_workers(commands, now, None) or refused
            replies = broker.frames_for_clients(now)
            if replies:
                self._to_clients(replies, now)

    def _to_workers(self, messages: list[Message], now: float, counted: int | None) -> bool:
        """Whether one was refused."""
        refused = False
        while messages:
            accepted, reason = send_burst(self._backend, messages)
            if counted is not None:
                self._count(counted, messages if not reason else messages[:accepted])
            if not reason:
                break
            refused = True
            gone = reason == EHOSTUNREACH
            if counted is not None:
                self._drop(counted, gone)
            self.broker.worker_refused(messages[accepted], gone, now)
            messages = messages[accepted + 1 :]
        return refused

    def _to_clients(self, messages: list[Message], now: float) -> None:
        while messages:
            accepted, reason = send_burst(self._frontend, messages)
            self._count(BACKWARD, messages if not reason else messages[:accepted])
            if not reason:
                return
            gone = reason == EHOSTUNREACH
            if gone:
                self._drop(BACKWARD, gone)
            messages = self.broker.clients_refused(messages[accepted:], gone, now)

    def _count(self, direction: int, accepted: list[Message]) -> None:
        at = direction * WIDTH
        self._cells[at + ROWS["messages"]] += len(accepted)
        self._cells[at + ROWS["bytes"]] += sum(map(len, chain.from_iterable(accepted)))
        if self.copy is not None and accepted:
            self.copy(direction, accepted)

    def _drop(self, direction: int, gone: bool) -> None:
        self._cells[direction * WIDTH + ROWS["unreachable" if gone else "full"]] += 1
