"""A device: an engine in a separate thread, and its interface to the other threads.

Life: open -> running <-> paused -> draining -> stopped (or failed). Sockets are opened, used and
closed in the device's thread. Other threads use `call`, which wakes the thread and runs there
between two runs of the engine, and `snapshot`, which stops nothing. A device never prints.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import zmq

from zmqdev.device.close import Farewell
from zmqdev.device.engine import Ending, Engine
from zmqdev.device.peers import PeerWatch
from zmqdev.device.socket import OpenSocket, events
from zmqdev.device.tally import PeerEvent
from zmqdev.errors import RunError
from zmqdev.options.device import DeviceSpec
from zmqdev.options.queue import keeps_ids
from zmqdev.stats.snapshot import AddressState, PeerCounts, SideState, Snapshot
from zmqdev.system import crash

T = TypeVar("T")
_wakes = itertools.count()
# Seconds. An engine answers a call between two batches, so longer than this it hangs.
PATIENCE = 5.0
ENDED = ("stopped", "failed")
# Sockets that send nothing, so that no peer has to read it.
RECEIVERS = frozenset({"PULL", "SUB", "XSUB"})
# Seconds until a second signal is noticed while it waits for peers at the end.
GLANCE = 0.05


def make_context(io_threads: int, *specs: DeviceSpec) -> zmq.Context[Any]:
    """Make a context for as many sockets as these devices may need."""
    context: zmq.Context[Any] = zmq.Context(io_threads)
    if any(map(keeps_ids, specs)):
        context.set(zmq.MAX_SOCKETS, int(context.get(zmq.SOCKET_LIMIT)))
    return context


class Device:
    """A device. Call `start`, then `call`, `snapshot` and `stop`, then `join`, from one thread."""

    def __init__(
        self,
        name: str,
        kind: str,
        engine: Engine,
        *,
        drain: float,
        context: zmq.Context[Any] | None = None,
        io_threads: int = 1,
    ) -> None:
        self.name, self.kind, self.engine = name, kind, engine
        self.drain = drain
        self.state = "starting"
        self.failure: BaseException | None = None
        self.reports: tuple[str, ...] = ()
        self.inside = 0  # after the end, messages taken in and not passed on
        self.watches: dict[str, PeerWatch] = {}
        self.beside: dict[str, AddressState] = {}  # replaced, never changed: any thread reads it
        self._own_context = context is None
        self._context: zmq.Context[Any] = context or make_context(io_threads, engine.spec)
        self._calls: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._paused = False
        self._stop_at: float | None = None  # deadline of the drain, monotonic
        self._abort = False
        self._deaf = False  # accepts no more calls
        self._farewell = Farewell({}, 0)
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._life, name=f"zmqdev-{name}", daemon=True)
        self._wake_name = f"inproc://zmqdev-wake-{next(_wakes)}"
        self._wake_end = self._context.socket(zmq.PAIR)
        self._wake_end.bind(self._wake_name)
        self._done_read, self._done_write = os.pipe()
        self._released = threading.Event()
        self._gone = False  # `attend` has seen the end
        self._started_at = time.monotonic()

    # What other threads do.

    def start(self) -> None:
        """Open the sockets and begin; RunError when they cannot be opened."""
        self._thread.start()
        self._opened.wait()
        if self.failure is not None:
            self.join()
            raise self.failure

    @property
    def started(self) -> bool:
        """Whether `start` was called."""
        return self._thread.ident is not None

    def fileno(self) -> int:
        """Return a descriptor that is readable when the device wants `attend`."""
        return self._done_read

    def attend(self) -> bool:
        """Handle the readable `fileno`; return whether the device has ended.

        The monitors and the wake-up socket belong to this thread, so they are closed here. The
        device's thread waits for that before it ends the context.
        """
        os.read(self._done_read, 64)
        for watch in self.watches.values():
            watch.close()
        self._wake_end.close(0)
        self._released.set()
        self._gone = self.state in ENDED
        return self._gone

    def post(self, action: Callable[[], T]) -> Future[T]:
        """Have `action` called in the device's thread between two runs of the engine; do not wait.

        The future gets a RunError when the device accepts no more calls, because its sockets are
        closed. Sent messages may still be leaving then.
        """
        future: Future[T] = Future()
        self._calls.append((action, future))
        self._wake()
        if self._deaf:
            self._answer_rest()
        return future

    def call(self, action: Callable[[], T], patience: float = PATIENCE) -> T:
        """Have `action` called in the device's thread, and return its result."""
        return self.post(action).result(timeout=patience)

    def pause(self) -> None:
        """Stop moving messages."""
        self.call(lambda: self._set_paused(True))

    def resume(self) -> None:
        """Move messages again."""
        self.call(lambda: self._set_paused(False))

    def stop(self, *, at_once: bool = False) -> None:
        """Begin to drain, or with `at_once` leave without. It does not wait; see `join`."""
        if at_once:
            self._abort = True
        if self._stop_at is None:
            self._stop_at = time.monotonic() + self.drain
        self._wake()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end; return False when it has not come in time."""
        until = None if timeout is None else time.monotonic() + timeout
        # poll, not select: a device with many peers has descriptors above 1024.
        poller = select.poll()
        if self._done_read >= 0:
            poller.register(self._done_read, select.POLLIN)
        while not self._gone:
            left = None if until is None else max(0.0, until - time.monotonic()) * 1000
            if not poller.poll(left):
                return False
            self.attend()
        self._thread.join()
        if self._done_read >= 0:
            os.close(self._done_read)
            os.close(self._done_write)
            self._done_read = self._done_write = -1
        return True

    def reload(self) -> None:
        """Read the files of the security options again; peers that may stay are not disconnected.

        UsageError names a file that is wrong, and then nothing is changed.
        """
        guards = [item.guard for item in self.engine.sockets() if item.guard is not None]
        read = [guard.read_again() for guard in guards]
        for put in [*read, self.engine.read_again()]:
            put()

    def snapshot(self) -> Snapshot:
        """Return the present state and counts."""
        now = time.monotonic()
        return Snapshot(
            name=self.name,
            kind=self.kind,
            state=self.state,
            at=now,
            uptime=now - self._started_at,
            sides=tuple(self._side(item) for item in self.engine.sockets()),
            flows=self.engine.flows(),
            details=self.engine.details(),
            beside=self.beside,
            restarts=crash.current().restarts,
            restart_cause=crash.current().cause,
        )

    def place_beside(self, what: str, state: AddressState) -> None:
        """Record the address of something beside the sides, such as the control socket."""
        self.beside = {**self.beside, what: state}

    def drain_monitors(self, tell: Callable[[str, PeerEvent], Any]) -> None:
        """Read the monitors of all sides and call `tell(side, event)`. Call it in every turn."""
        for side, watch in list(self.watches.items()):
            watch.drain(lambda event, side=side: tell(side, event))  # type: ignore[misc]

    def _side(self, item: OpenSocket) -> SideState:
        watch = self.watches.get(item.name)
        peers = watch.counts if watch else PeerCounts()
        refused = item.guard.refusals() if item.guard else {}
        return SideState(item.name, item.type, item.addresses, peers, refused)

    def _wake(self) -> None:
        if self._wake_end.closed:
            return
        # It is refused when a thousand wake-ups are queued already, and then it wakes anyhow.
        with contextlib.suppress(zmq.Again):
            self._wake_end.send(b"", zmq.DONTWAIT)

    # What the device's own thread does.

    def _life(self) -> None:
        ended = "stopped"
        crash.own_stack()
        try:
            self._run()
        except BaseException as error:
            # `join` raises it: a user's mistake becomes a line there, a bug becomes a traceback.
            self.failure = error
            ended = "failed"
        self._deaf = True
        self._answer_rest()
        self.engine.released(self._release())
        self.state = ended
        self._opened.set()
        os.write(self._done_write, b".")

    def _run(self) -> None:
        wake = self._context.socket(zmq.PAIR)
        wake.connect(self._wake_name)
        try:
            self.engine.open(self._context, wake, self._watch)
            self.beside = {**self.engine.beside(), **self.beside}
            try:
                self._set_paused(self._paused)
                self._opened.set()
                self._serve(wake)
                self._drain(wake)
            finally:
                self._close()
        finally:
            wake.close(0)

    def _watch(self, side: OpenSocket) -> None:
        watch = self.watches[side.name] = PeerWatch(side.socket, side.guard)
        side.before_release, side.listeners = watch.let_go, watch.listeners

    def _serve(self, wake: zmq.Socket[bytes]) -> None:
        while self._stop_at is None:
            self.engine.run(paused=self._paused)
            self._answer(wake)

    def _drain(self, wake: zmq.Socket[bytes]) -> None:
        self.state = "draining"
        assert self._stop_at is not None
        ending = Ending(self._stop_at, self.watches, lambda: self._abort)
        while not self._abort and not self.engine.drain(ending):
            self._answer(wake)
        self.reports = self.engine.leftover().reports
        self.inside = self.engine.inside()

    def _close(self) -> None:
        if self._own_context and self._linger_ms():
            self._farewell = self._keep_connections()
        for watch in self.watches.values():
            watch.disable()
        self.engine.close(self._linger_ms())

    def _linger_ms(self) -> int:
        if self._stop_at is None or self._abort:
            return 0
        return max(0, round((self._stop_at - time.monotonic()) * 1000))

    def _release(self) -> bool:
        """Wait, for the rest of the drain time, until sent messages have left.

        Returns whether the peers are known to have read them.
        """
        if not self._own_context:
            return False
        linger = self._linger_ms()
        self._opened.set()
        os.write(self._done_write, b".")
        self._released.wait()
        self._context.term()
        read = bool(linger) and self._all_read()
        if linger and not read:
            self.reports += (
                f"{self.name}: messages were still unsent at the end of the drain time",
            )
        return read

    def _keep_connections(self) -> Farewell:
        """Keep the connections on which messages leave, until the peers have read them."""
        connections: dict[int, str] = {}
        peers = 0
        for side in self.engine.sockets():
            watch = self.watches.get(side.name)
            if watch is not None and side.type not in RECEIVERS:
                connections |= watch.connections()
                peers += watch.counts.connected
        return Farewell(connections, peers)

    def _all_read(self) -> bool:
        """Wait for the peers, for the rest of the drain time."""
        assert self._stop_at is not None
        try:
            while not self._farewell.wait(min(self._stop_at, time.monotonic() + GLANCE)):
                if self._abort or time.monotonic() >= self._stop_at:
                    return False
            return True
        finally:
            self._farewell.close()

    def _set_paused(self, paused: bool) -> None:
        self._paused = paused
        self.state = "paused" if paused else "running"

    def _answer(self, wake: zmq.Socket[bytes]) -> None:
        """Empty the wake socket, then execute the calls."""
        while events(wake) & zmq.POLLIN:
            wake.recv()
        while self._calls:
            action, future = self._calls.popleft()
            try:
                future.set_result(action())
            except BaseException as error:
                future.set_exception(error)

    def _answer_rest(self) -> None:
        """Refuse the calls that will not be executed. Any thread."""
        with contextlib.suppress(IndexError):
            while True:
                _, future = self._calls.popleft()
                what = "has stopped" if self.state in ENDED else "is ending"
                future.set_exception(RunError(f"{self.name} {what}"))
