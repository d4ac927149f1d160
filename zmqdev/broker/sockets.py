"""The sockets of the reliable queue: bursts in, bursts out, and unsent messages returned.

`Broker` makes all decisions. Here are a ROUTER for the clients, a ROUTER (plain workers: a DEALER)
for the workers, and the clock.

zmq_poll asks each socket for its events before and after it waits, a dozen system calls for one
message. Waiting for the sockets' descriptors is one call. Such a descriptor reports a change, not a
state, so nothing may be unread when the wait begins. A socket is stale after its descriptor was
readable, or after a send on it (which also reads commands), until a receive has found nothing.
"""

from __future__ import annotations

import math
import select
import time
from collections.abc import Callable, Collection
from errno import EHOSTUNREACH
from itertools import chain

import zmq

from zmqdev.broker.broker import Broker
from zmqdev.broker.journal import Unwritten
from zmqdev.broker.owners import Owners
from zmqdev.broker.record import Group
from zmqdev.broker.store import Store
from zmqdev.device.socket import events
from zmqdev.relay import Counters, recv_burst, send_burst
from zmqdev.relay.bursts import BURST_BYTES
from zmqdev.relay.counters import DIRECTIONS, ROWS, TURNS_CELL, WIDTH

Message = list[bytes]
Copy = Callable[[int, list[Message]], None]
Hear = Callable[..., list[Message]]
Receive = Callable[[list[Message], float], None]

# Messages taken at a time: enough to make the calls cheap, and well under a millisecond of work.
BURST = 256
# Up to so many messages, checking their size is cheaper than another receive.
FEW = 4
# Milliseconds between two reads of EVENTS of every socket, also of idle ones.
LONGEST_WAIT = 100
# Turns under load between two looks at the wake-up socket.
TURNS_UNLOOKED = 8
# Seconds after which to probe again, as a lost connection is noticed before its pipe is gone.
PROBES = (0.0, 0.003, 0.015, 0.06)
# Least seconds between probes of all workers after two losses, so that peers that come and go all
# the time (clients, at an address for both) do not keep the queue busy with that.
PAUSE = 0.02
NOTHING: list[Message] = []
FORWARD, BACKWARD = range(len(DIRECTIONS))


class Shell:
    """The sockets and the clock of a broker.

    `copy` gets messages that a socket has accepted, for the capture and the tap. `hear` receives a
    burst from the workers' socket, like recv_burst. `heard` counts the messages received, by
    direction.
    """

    def __init__(
        self,
        broker: Broker,
        frontend: zmq.Socket[bytes],
        backend: zmq.Socket[bytes],
        wake: zmq.Socket[bytes],
        counters: Counters,
        store: Store | None = None,
    ) -> None:
        self.broker = broker
        self._store = store
        self._group: Group | None = None  # the last group given to the store
        self.copy: Copy | None = None
        self.hear: Hear = recv_burst
        self._frontend, self._backend, self._wake = frontend, backend, wake
        self._frontend_stale = self._backend_stale = True
        self._cells = counters.cells
        self._origins = counters.origins
        self.heard = [0 for _ in DIRECTIONS]
        # Messages from a DEALER have no routing ids: plain workers have none.
        self._dealer = backend if backend.type == zmq.DEALER else None
        self._owners = Owners()
        self._named: list[tuple[int, int]] = []  # of the last burst, see recv_burst
        self._probe_at: list[float] = []
        self._probed = -PAUSE
        self._descriptors = [int(one.get(zmq.FD)) for one in (frontend, backend, wake)]

    def run(self, *, intake: bool, until: float = float("inf")) -> bool:
        """Work until the wake-up socket is readable: True, or until the time is over: False.

        Without `intake` nothing is read from the clients.
        """
        if events(self._wake) & zmq.POLLIN:
            return True  # its descriptor does not report a message that came before the first look
        self._frontend_stale = self._backend_stale = True
        poll = self._poll_of(intake)
        turns = 0
        while True:
            now = time.monotonic()
            if now >= until:
                return False
            busy = self.turn(now, intake)
            turns += 1
            look = turns % TURNS_UNLOOKED == 0 if busy else self._wait(poll, until)
            if look and events(self._wake) & zmq.POLLIN:
                return True

    def _poll_of(self, intake: bool) -> select.poll:
        poll = select.poll()
        for descriptor in self._descriptors if intake else self._descriptors[1:]:
            poll.register(descriptor, select.POLLIN)
        if self._store is not None:
            poll.register(self._store.descriptor, select.POLLIN)
        return poll

    def turn(self, now: float, intake: bool = True) -> bool:
        """Receive, do what is due, and send the results; return False when idle."""
        broker = self.broker
        if broker.wants_room:
            self._backend_stale = True
            if events(self._backend) & zmq.POLLOUT:
                broker.room(now)
        replies = requests = NOTHING
        if self._backend_stale:
            self._backend_stale = False
            replies = self._take(BACKWARD, self.hear, self._backend)
            if replies:
                self._hand_on(broker.receive_workers, replies, now)
        if self._frontend_stale and intake:
            self._frontend_stale = False
            requests = self._take(FORWARD, recv_burst, self._frontend)
            if requests:
                self._hand_on(broker.receive_clients, requests, now)
        self._on_time(now)
        # This comes last, as peers wait for what was sent.
        self._backend_stale = self._backend_stale or not drained(replies)
        self._frontend_stale = self._frontend_stale or not drained(requests)
        self._cells[TURNS_CELL] += 1
        return self._backend_stale or (self._frontend_stale and intake)

    def _on_time(self, now: float) -> None:
        """Do what is due, and send everything."""
        if self._probe_at:
            self._probe(now)
        self._owners.forget(self.broker.holds)
        self.broker.tick(now)
        if self._store is not None:
            self._keep(self._store, now)
        self.send(now)

    def _keep(self, store: Store, now: float) -> None:
        """Handle the outcome of the last group, and write the next one when it is due."""
        settled = store.settled()
        if settled is not None:
            self.broker.settled(settled, now)
        if store.idle and self.broker.records_due() <= now:
            self._group = self.broker.take_records(now, time.time())
            store.write(self._group)

    def finish_store(self, until: float, at_once: Callable[[], bool]) -> bool:
        """Write everything; return False when that takes longer than `until`, or on `at_once`."""
        store = self._store
        while store is not None and not (store.idle and self.broker.records_due() == math.inf):
            now = time.monotonic()
            if now >= until or at_once():
                return False
            self._keep(store, now)
            self.send(now)
            until_look = min(until, now + LONGEST_WAIT / 1000)
            if not store.idle:
                select.select([store.descriptor], [], [], until_look - now)
            else:
                time.sleep(max(0.0, min(self.broker.records_due(), until_look) - time.monotonic()))
        return True

    def unwritten(self) -> Unwritten:
        """Return what the store has not confirmed."""
        assert self._store is not None
        return self.broker.journal.unwritten(None if self._store.idle else self._group)

    def _take(self, direction: int, hear: Hear, socket: zmq.Socket[bytes]) -> list[Message]:
        """Receive a burst, and note chosen routing ids, and connections while that is wanted."""
        seen: set[int] | None = set() if self._origins.wanted else None
        self._named = []
        messages = hear(socket, BURST, seen, None if socket is self._dealer else self._named)
        if seen:
            self._origins.note(direction, seen)
        self.heard[direction] += len(messages)
        return messages

    def _hand_on(self, receive: Receive, messages: list[Message], now: float) -> None:
        """Give a burst to the broker, split where a routing id changes its connection."""
        start = 0
        for at, descriptor in self._named:
            identity = messages[at][0]
            if self._owners.passes(identity, descriptor):
                if at > start:
                    receive(messages[start:at], now)
                start = at
                self.broker.void(identity, now)
        receive(messages[start:] if start else messages, now)

    def connection_lost(self) -> None:
        """Plan probes after a peer that may be a worker has disconnected."""
        start = max(time.monotonic(), self._probed + PAUSE)
        self._probe_at = [start + delay for delay in PROBES]

    def _probe(self, now: float) -> None:
        while self._probe_at and self._probe_at[0] <= now:
            del self._probe_at[0]
            self._probed = now
            self.broker.connection_lost(now)

    def _patience(self, until: float) -> float:
        """Return the milliseconds until something is due."""
        due = min(self.broker.deadline(), until, *self._probe_at[:1])
        if self._store is not None and self._store.idle:
            due = min(due, self.broker.records_due())
        left = (due - time.monotonic()) * 1000
        # Rounded up, as waking a moment early would cost an empty turn.
        return min(LONGEST_WAIT, max(0, int(left) + 1))

    def _wait(self, poll: select.poll, until: float) -> bool:
        """Wait for a descriptor or the time; return whether the wake-up socket is readable."""
        news = [descriptor for descriptor, _ in poll.poll(self._patience(until))]
        frontend, backend, wake = self._descriptors
        self._frontend_stale = frontend in news
        self._backend_stale = backend in news
        return wake in news

    def send(self, now: float) -> None:
        """Send everything.

        A message that a peer did not accept may lead to another one for another worker.
        """
        broker = self.broker
        refused = True
        while refused:
            refused = False
            requests = broker.frames_for_workers()
            if requests:
                self._backend_stale = True
                refused = self._to_workers(requests, now, FORWARD)
            commands = broker.commands_for_workers()
            if commands:
                self._backend_stale = True
                refused = self._to_workers(commands, now, None) or refused
            replies = broker.frames_for_clients(now)
            if replies:
                self._frontend_stale = True
                self._to_clients(replies, now)

    def _to_workers(self, messages: list[Message], now: float, counted: int | None) -> bool:
        """Send messages to workers; return whether one was refused."""
        refused = False
        left = self._left(messages) if self._backend is not self._dealer else ()
        for message in messages if left else ():
            if message[0] in left:
                refused = True
                if counted is not None:
                    self._drop(counted, True)
                self.broker.worker_refused(message, True, now)
        if left:
            messages = [message for message in messages if message[0] not in left]
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
        """Send messages to clients.

        After a refusal the bursts begin small, so that many refusals in a row copy little.
        """
        gone = self._left(messages)
        # By client: the first refused message, and all after it.
        refused: dict[bytes, list[Message]] = {address: [] for address in gone}
        at, size = 0, len(messages)
        while at < len(messages):
            address = messages[at][0]
            if address in refused:
                refused[address].append(messages[at])
                at += 1
                continue
            burst = messages[at : _end_of_burst(messages, at, size, refused)]
            accepted, reason = send_burst(self._frontend, burst)
            self._count(BACKWARD, burst[:accepted])
            at += accepted
            size = 1 if reason else 2 * size
            if reason:
                refused[messages[at][0]] = []
            if reason == EHOSTUNREACH:
                gone.add(messages[at][0])
        for address, unsent in refused.items():
            if address in gone:
                self._drop(BACKWARD, True, len(unsent))
            self.broker.client_refused(unsent, address in gone, now)

    def _left(self, messages: list[Message]) -> set[bytes]:
        """Return receivers whose connection has ended; another peer may have their routing id."""
        owners = self._owners
        if not owners:
            return set()
        return {identity for identity in {one[0] for one in messages} if owners.has_left(identity)}

    def _count(self, direction: int, accepted: list[Message]) -> None:
        at = direction * WIDTH
        self._cells[at + ROWS["messages"]] += len(accepted)
        self._cells[at + ROWS["bytes"]] += sum(map(len, chain.from_iterable(accepted)))
        if self.copy is not None and accepted:
            self.copy(direction, accepted)

    def _drop(self, direction: int, gone: bool, messages: int = 1) -> None:
        self._cells[direction * WIDTH + ROWS["unreachable" if gone else "full"]] += messages


def _end_of_burst(messages: list[Message], at: int, size: int, not_for: Collection[bytes]) -> int:
    """Return where a burst of `size` from `at` on ends.

    It ends before the next message that must not be sent now.
    """
    end = min(at + size, len(messages))
    if not not_for:
        return end
    return next((one for one in range(at, end) if messages[one][0] in not_for), end)


class SharedShell(Shell):
    """One ROUTER for clients and workers: `frontend` and `backend` are the same socket.

    All messages count as received at the frontend. It is impossible to leave clients unread:
    without `intake` their requests are received and wait.
    """

    def turn(self, now: float, intake: bool = True) -> bool:
        """Receive, do what is due, and send the results; return False when idle."""
        came = NOTHING
        if self._frontend_stale or self._backend_stale:
            self._frontend_stale = self._backend_stale = False
            came = self._take(FORWARD, self.hear, self._frontend)
            if came:
                self._hand_on(self.broker.receive_both, came, now)
        self._on_time(now)
        self._frontend_stale = self._backend_stale or self._frontend_stale or not drained(came)
        self._cells[TURNS_CELL] += 1
        return self._frontend_stale


def drained(burst: list[Message]) -> bool:
    """Return whether a burst ended because nothing was left. A long or large one may not have."""
    if len(burst) > FEW:
        return False
    return not burst or sum(map(len, chain.from_iterable(burst))) < BURST_BYTES
