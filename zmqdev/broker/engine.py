"""The reliable queue as the engine of a device."""

from __future__ import annotations

import gc
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import zmq

from zmqdev.broker.admission import Admission
from zmqdev.broker.broker import Broker
from zmqdev.broker.dead_letters import Letterbox
from zmqdev.broker.journal import Unwritten
from zmqdev.broker.sockets import FORWARD, SharedShell, Shell
from zmqdev.broker.store import Store, open_store
from zmqdev.broker.token import RUN
from zmqdev.device import marks
from zmqdev.device.capture import open_capture, places
from zmqdev.device.engine import Ending, Leftover
from zmqdev.device.socket import OpenSocket, Watch, census_of, open_side
from zmqdev.errors import Unchangeable
from zmqdev.options.queue import QueueSpec
from zmqdev.options.side import AnySide
from zmqdev.options.sockopt import SOCKET_OPTIONS
from zmqdev.relay import Counters, send_burst
from zmqdev.relay.counters import DIRECTIONS
from zmqdev.relay.veil import veil
from zmqdev.security import acl
from zmqdev.security.unfinished import Progress
from zmqdev.stats.reliable import ReliableReport
from zmqdev.stats.snapshot import AddressState, Flow

log = logging.getLogger("zmqdev")
# A burst is hundreds of new lists that are freed a moment later. With Python's own threshold of
# 700 the collector would visit all of them in nearly every turn.
YOUNG = 50_000
# Lines for the log between two looks; further ones are only counted.
MOST_LINES = 10
# Seconds between two updates of the log and the report.
LOOK = 0.1
# The same while draining, so that the end is noticed soon.
DRAIN_LOOK = 0.01
# Seconds that a store has at least for its last group, and when the device leaves at once.
LAST_WRITE, LAST_WRITE_AT_ONCE = 2.0, 0.5


class BrokerEngine:
    """The engine of a reliable queue. `Engine` documents the methods."""

    follows_peers = True

    def __init__(self, spec: QueueSpec) -> None:
        self.spec = spec
        self.counters = Counters()
        self._sockets: tuple[OpenSocket, ...] = ()
        self._capture: OpenSocket | None = None
        self._tap: zmq.Socket[bytes] | None = None
        self._letterbox: Letterbox | None = None
        self._store: Store | None = None
        self._shell: Shell | None = None
        self._admission: Admission | None = None
        self._report: ReliableReport | None = None
        self._zero: Mapping[str, int] = {}
        self._stopped = False
        self._unwritten: Unwritten | None = None
        self._workers = 0

    @property
    def shell(self) -> Shell:
        """Return the sockets; the engine must be open."""
        assert self._shell is not None, "the engine is not open"
        return self._shell

    @property
    def broker(self) -> Broker:
        """Return the broker; the engine must be open."""
        return self.shell.broker

    def open(self, context: zmq.Context[Any], wake: zmq.Socket[bytes], watch: Watch) -> None:
        settings = self.spec.reliable
        rights = self._rights()
        broker = Broker(
            settings, os.urandom(RUN), time.monotonic(), self.spec.limits.message_frames
        )
        try:
            self._open_store(broker)
            sides: dict[str, AnySide] = {"frontend": self.spec.frontend}
            if not self.spec.shares:
                sides["backend"] = self.spec.backend
            for name, side in sides.items():
                census = census_of(self.spec.limits, sides=2)
                self._sockets += (open_side(context, name, side, watch, census),)
            self._capture = open_capture(context, self.spec, {})
            if settings.dead_letters:
                self._letterbox = Letterbox(context, settings.dead_letters)
        except BaseException:
            self.close(0)
            raise
        frontend, backend = self._sockets[0].socket, self._sockets[-1].socket
        shell = SharedShell if self.spec.shares else Shell
        self._shell = shell(broker, frontend, backend, wake, self.counters, self._store)
        if rights is not None:
            guard = self._sockets[-1].guard
            self._admission = Admission(rights, settings.service, guard, self.spec.shares)
            self._shell.hear = self._admission.receive
        self._choose_copy()
        gc.freeze()
        gc.set_threshold(YOUNG)
        self._look()

    def _open_store(self, broker: Broker) -> None:
        """Open the store before the first socket, so that clients find the earlier requests."""
        self._store = store = open_store(self.spec.reliable)
        if store is None:
            return
        # A million records are a million objects that stay, which the collector need not visit.
        gc.disable()
        try:
            records = store.recover()
            broker.keep(store.first_key, records, time.monotonic())
        finally:
            gc.enable()
        broker.bury_damaged(store.damaged)

    def run(self, *, paused: bool) -> None:
        self._set_paused(paused)
        while not self.shell.run(intake=not paused, until=time.monotonic() + LOOK):
            self._look()
        self._look()

    def _set_paused(self, paused: bool) -> None:
        if paused:
            self.broker.pause()
        else:
            self.broker.resume(time.monotonic())

    def drain(self, ending: Ending) -> bool:
        """Refuse new requests; finish those already accepted."""
        self.broker.drain()
        self._set_paused(False)
        while time.monotonic() < ending.deadline and not self._is_done():
            until = min(ending.deadline, time.monotonic() + DRAIN_LOOK)
            woken = self.shell.run(intake=True, until=until)
            self._look()
            if woken:
                return False
        until = max(ending.deadline, time.monotonic() + LAST_WRITE)
        self._say_goodbye(until, ending.at_once)
        return True

    def _is_done(self) -> bool:
        return self.broker.is_empty() or self.broker.is_hopeless()

    def _say_goodbye(self, until: float, at_once: Callable[[], bool]) -> None:
        if self._stopped:
            return
        self._stopped = True
        # Requests that are being written are reported as kept before the others are given up.
        written = self.shell.finish_store(until, at_once)
        if not written:
            self._unwritten = self.shell.unwritten()
        self.broker.stop()
        if written and not self.shell.finish_store(until, at_once):
            self._unwritten = self.shell.unwritten()
        self.shell.send(time.monotonic())
        self._look()

    def leftover(self) -> Leftover:
        self._say_goodbye(time.monotonic() + LAST_WRITE_AT_ONCE, lambda: False)
        assert self._report is not None
        unanswered, reports = self._report.counters["unanswered"], []
        if unanswered:
            requests = "1 request" if unanswered == 1 else f"{unanswered} requests"
            reports.append(f"{requests} had no reply yet")
        if self._unwritten is not None and self._store is not None:
            reports.append(f"store {self._store.name}: does not answer; {self._unwritten}")
        return Leftover(tuple(f"{self.spec.name}: {line}" for line in reports))

    def inside(self) -> int:
        """Return how many requests have no reply yet."""
        return 0 if self._report is None else self._report.counters["unanswered"]

    def close(self, linger_ms: int) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
        for side in self._sockets:
            side.close(linger_ms)
        if self._capture is not None:
            self._capture.close(linger_ms)
        if self._letterbox is not None:
            self._letterbox.close(linger_ms)

    def released(self, all_read: bool) -> None:
        """Do nothing: the store was closed after its last group."""

    def configure(self, key: str, value: Any) -> None:
        if key == "on-full":
            raise Unchangeable(
                "a reliable queue keeps what no worker can take, and refuses requests beyond "
                "--max-requests and --max-bytes"
            )
        side, _, name = key.partition(".")
        found = {"backend": self._sockets[-1]} | {item.name: item for item in self._sockets}
        if side not in found or name not in SOCKET_OPTIONS:
            raise Unchangeable(f"its sides are {', '.join(found)}")
        names = ("sndhwm", "rcvhwm") if name == "hwm" else (name,)
        marks.change(found[side], dict.fromkeys(names, value))

    def tap(self, socket: zmq.Socket[bytes] | None) -> None:
        self._tap = socket
        self._choose_copy()

    def peer_changed(self, side: str, what: str) -> None:
        if side != self._sockets[-1].name or what not in ("connected", "disconnected"):
            return
        self._workers = max(0, self._workers + (1 if what == "connected" else -1))
        self.broker.connections(self._workers, time.monotonic())
        if what == "disconnected":
            self.shell.connection_lost()

    def sockets(self) -> tuple[OpenSocket, ...]:
        return self._sockets

    def beside(self) -> dict[str, AddressState]:
        return places(self._capture)

    def flows(self) -> tuple[Flow, ...]:
        return Flow.both(self.counters.read())

    def progress(self, direction: int) -> Progress:
        return Progress(self.counters.turns_ever, self.shell.heard[direction])

    def details(self) -> Mapping[str, Any]:
        """Return the last report, with counters since the last reset."""
        if self._report is None:
            return {}
        plain = asdict(self._report)
        zero = self._zero
        plain["counters"] = {
            name: value - zero.get(name, 0) for name, value in self._report.counters.items()
        }
        return {"reliable": plain}

    def _rights(self) -> acl.Rights | None:
        return acl.load(Path(self.spec.topic_acl)) if self.spec.topic_acl else None

    def read_again(self) -> Callable[[], None]:
        """Read the rights again. Workers that already serve continue."""
        rights = self._rights()

        def put() -> None:
            if rights is not None and self._admission is not None:
                self._admission.rights = rights

        return put

    def owed(self) -> int:
        return 0 if self.broker.is_empty() else 1

    def reset(self) -> None:
        self.counters.reset()
        if self._report is not None:
            self._zero = self._report.counters

    def _look(self) -> None:
        """Update the report, send dead letters and write the log."""
        self._report = self.broker.report(time.monotonic())
        letters = self.broker.take_letters()
        if self._letterbox is not None:
            self._letterbox.post(letters)
        notices = self.broker.take_notices()
        for line in notices[:MOST_LINES]:
            log.warning("%s: %s", self.spec.name, line)
        if len(notices) > MOST_LINES:
            log.warning("%s: and %d lines more", self.spec.name, len(notices) - MOST_LINES)

    def _choose_copy(self) -> None:
        if self._shell is not None:
            self._shell.copy = self._copy if self._capture or self._tap else None

    def _copy(self, direction: int, messages: list[list[bytes]]) -> None:
        messages = [[veil(message[0]), *message[1:]] for message in messages]
        forward = DIRECTIONS[direction] == DIRECTIONS[FORWARD]
        if self._capture is not None:
            label = self.spec.capture_prefix[not forward] if self.spec.capture_prefix else b""
            copies = [[label, *message] for message in messages] if label else messages
            send_burst(self._capture.socket, copies)
        if self._tap is not None:
            mark = b">" if forward else b"<"
            send_burst(self._tap, [[mark, *message] for message in messages])
