"""The engine of a streamer with a spool: a relay while the file is empty, otherwise the file.

At the end, everything that peers have sent is taken in. While the spool is not in use it is passed
on as long as pullers take it. The rest is written to the file, and spooled messages stay there.
"""

from __future__ import annotations

import gc
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import zmq

from zmqdev.device.engine import Ending, Leftover
from zmqdev.device.intake import Intake
from zmqdev.device.relay_drain import INTAKE_SHARE, Stage
from zmqdev.device.relay_engine import RelayEngine
from zmqdev.device.socket import Watch, events
from zmqdev.device.spool_file import SpoolFile
from zmqdev.device.spool_rows import Message
from zmqdev.device.spooling import BATCH_BYTES, Ends, SpoolCounts, Spooling
from zmqdev.errors import RunError
from zmqdev.options.kind import DeviceKind
from zmqdev.options.streamer import StreamerSpec
from zmqdev.relay import Relay, recv_burst, send_burst
from zmqdev.relay.bursts import with_label
from zmqdev.security.unfinished import Progress
from zmqdev.stats.spool import SPOOL
from zmqdev.stats.units import counted

log = logging.getLogger("zmqdev")
# Milliseconds that the target must be full before the spool is used.
STALL_MS = 100
# Milliseconds between two looks for rows that may be deleted.
LOOK_MS = 1000
BURST, TURN = 4096, 0.02
# A burst is thousands of new lists that are freed a moment later; the collector need not visit
# them.
YOUNG = 50_000
# Least seconds for the last write.
LAST_WRITE = 5.0

_NO_ANSWER = "may be lost: the spool's disk does not answer"


class SpoolEngine(RelayEngine):
    """The engine of a streamer with a spool. `Engine` documents the methods."""

    follows_peers = True

    def __init__(self, kind: DeviceKind, spec: StreamerSpec) -> None:
        super().__init__(kind, spec)
        assert spec.spool is not None
        self._path, self._size = spec.spool, spec.spool_size
        self._file: SpoolFile | None = None
        self._spooling: Spooling | None = None
        self._zero = SpoolCounts()
        self._peers = 0
        self._taken: deque[Message] = deque()
        self._took = False

    @property
    def spooling(self) -> Spooling:
        """Return the spooling; the engine must be open."""
        assert self._spooling is not None, "the engine is not open"
        return self._spooling

    def open(self, context: zmq.Context[Any], wake: zmq.Socket[bytes], watch: Watch) -> None:
        self._file = SpoolFile(self._path, self._size)
        super().open(context, wake, watch)
        frontend, backend = (item.socket for item in self._sockets)
        ends = Ends(frontend, backend, wake)
        lane = self.relay.forward
        self._spooling = Spooling(ends, self.counters, lane, self._file, self._size, self._mark())
        self._choose_rules()
        gc.freeze()
        gc.set_threshold(YOUNG)
        if self.spooling.waiting:
            found = counted(self.spooling.waiting, "message")
            log.warning("%s: %s in %s go first", self.spec.name, found, self._file.name)

    def _choose_rules(self) -> None:
        """Have the relay stop at a full target, whatever happens when the spool is full."""
        self.relay.forward = replace(self.relay.forward, on_full="block")
        relay = self.relay
        assert isinstance(relay, Relay)
        relay.stall_ms = STALL_MS
        copied = relay.capture is not None or relay.tap is not None
        self.spooling.copy = self._copy if copied else None

    def _mark(self) -> int:
        """Return how many messages ZeroMQ may hold of those that it accepted."""
        return max(1, self._peers) * int(self._sockets[1].socket.get(zmq.SNDHWM))

    def peer_changed(self, side: str, what: str) -> None:
        if side == "backend" and what in ("connected", "disconnected"):
            self._peers = max(0, self._peers + (1 if what == "connected" else -1))
            self.spooling.mark = self._mark()
            self.spooling.batch = max(1, self._peers) * BATCH_BYTES

    def run(self, *, paused: bool) -> None:
        while not self._turn(moves=not paused):
            pass

    def _turn(self, moves: bool) -> bool:
        """Use the file until it is empty, or the relay until its target is full."""
        spooling, relay = self.spooling, self.relay
        assert isinstance(relay, Relay)
        if spooling.active:
            return spooling.run(moves)
        limit, began = (LOOK_MS if spooling.has_rows else -1), time.monotonic()
        woken = relay.run(moves, False, limit_ms=limit)
        over = limit >= 0 and time.monotonic() - began >= limit / 1000
        if not woken and not over and relay.held[0]:
            held = relay.take_held()
            spooling.begin([held] if held is not None else [])
        spooling.settle()
        spooling.start_work()
        return woken

    # The end

    def _stages(self) -> tuple[Stage, ...]:
        return (self._take_all, self._pass_taken, self._keep_rest)

    def _take_all(self, ending: Ending) -> bool:
        relay = self.relay
        assert isinstance(relay, Relay)
        held = relay.take_held()
        if held is not None:
            self._taken.append(held)
        frontend, now = self._sockets[0], time.monotonic()
        until = now + (ending.deadline - now) * INTAKE_SHARE
        intake = Intake(frontend, ending.watches.get(frontend.name), self._take)
        self._cut_off = not intake.end(until, ending.at_once)
        return True

    def _take(self, wait_ms: int) -> int:
        source, taken = self._sockets[0].socket, 0
        if wait_ms:
            source.poll(wait_ms)
        until = time.monotonic() + TURN
        while time.monotonic() < until and (burst := recv_burst(source, BURST)):
            self._taken += burst
            taken += len(burst)
        return taken

    def _pass_taken(self, ending: Ending) -> bool:
        """Pass on the messages taken, in order: not while the file has any."""
        backend, wake = self._sockets[1].socket, self.spooling.wake
        while self._taken and not self.spooling.active and time.monotonic() < ending.deadline:
            if events(wake) & zmq.POLLIN:
                return False
            burst = [self._taken[at] for at in range(min(BURST, len(self._taken)))]
            accepted, _ = send_burst(backend, burst)
            self.spooling.count(burst[:accepted])
            for _ in range(accepted):
                self._taken.popleft()
            if accepted < len(burst) and not backend.poll(STALL_MS, zmq.POLLOUT):
                break
        return True

    def _keep_rest(self, ending: Ending) -> bool:
        until = max(ending.deadline, time.monotonic() + LAST_WRITE)
        self.spooling.keep(list(self._taken), until, ending.at_once)
        self._taken.clear()
        return True

    def leftover(self) -> Leftover:
        name, spooling = self.spec.name, self.spooling
        reports = []
        lost = self.inside()
        kept = spooling.waiting - spooling.inside
        if kept > 0:
            assert self._file is not None
            reports.append(f"{name}: {counted(kept, 'message')} stay in {self._file.name}")
        if lost:
            why = "found no room in the spool" if spooling.answers else _NO_ANSWER
            reports.append(f"{name}: {counted(lost, 'message')} inside {why}")
        if self._cut_off:
            sent = "peers were still sending; messages in transit are lost"
            reports.append(f"{name}: {sent}")
        return Leftover(tuple(reports))

    def inside(self) -> int:
        """Return how many messages were read that are neither passed on nor in the file."""
        if self._spooling is None:
            return 0
        return len(self._taken) + self._spooling.inside + int(self.relay.held[0])

    def released(self, all_read: bool) -> None:
        """Delete the rows that ZeroMQ took, if the peers have read them."""
        file, self._file = self._file, None
        if file is None:
            return
        through = self._spooling.all_gone() if self._spooling is not None and all_read else None
        try:
            file.close(through)
        except RunError as error:
            log.warning("%s: what was passed on may come again: %s", self.spec.name, error)

    # Queries and changes

    def configure(self, key: str, value: Any) -> None:
        super().configure(key, value)
        self.spooling.drops = self.spec.on_full == "drop"
        self.spooling.mark = self._mark()
        self._choose_rules()

    def tap(self, socket: zmq.Socket[bytes] | None) -> None:
        super().tap(socket)
        self._choose_rules()

    def _copy(self, messages: Sequence[Message]) -> None:
        if self.relay.capture is not None:
            send_burst(self.relay.capture, with_label(self.relay.labels[0], messages))
        if self.relay.tap is not None:
            send_burst(self.relay.tap, [[b">", *message] for message in messages])

    def read_again(self) -> Callable[[], None]:
        return lambda: None

    def progress(self, direction: int) -> Progress:
        made = super().progress(direction)
        if direction or self._spooling is None:
            return made
        counts = self._spooling.counts
        return replace(made, messages=made.messages + counts.taken - counts.passed)

    def details(self) -> Mapping[str, Any]:
        if self._spooling is None or self._file is None:
            return {}
        counts, zero = asdict(self._spooling.counts), asdict(self._zero)
        now = {
            "waiting": self._spooling.waiting,
            "spool_bytes": self._file.size,
            "spool_full": self._spooling.full,
        }
        grown = {row.name: counts[row.name] - zero[row.name] for row in SPOOL if row.grows}
        return {"spool": {**grown, **now}}

    def reset(self) -> None:
        super().reset()
        if self._spooling is not None:
            self._zero = replace(self._spooling.counts)
