"""A watch for endless messages, which cuts the connection of the sender.

The signs of one are described in security.unfinished. This module gets the figures from the system
and from the relay's counters. Nothing is checked while the whole process has less memory than one
such message would need.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from zmqdev.device.engine import Engine
from zmqdev.device.peers import PeerWatch
from zmqdev.device.socket import OpenSocket
from zmqdev.options import socktype
from zmqdev.security.unfinished import CHATTER, MEBIBYTE, Floods, Unfinished, wire_size
from zmqdev.system import process_info
from zmqdev.system.descriptor import remote_of

# Seconds between two looks: usually, and while a peer has sent half of what it may.
CALM, CLOSE = 0.1, 0.02
# The share of this thread's time that looks may take, so thousands of connections are looked at
# less often.
SHARE = 0.05
# The share of the available memory from which memory is short.
TIGHT = 0.8
# Seconds after a cut at which to give memory back: libzmq frees most at once, and the last of many
# small pieces later.
AFTERMATH = (0.2, 2.0)
# libzmq's own high-water mark.
QUEUE = 1000
# Bytes a second of subscriptions that are not delivered, because other peers have them already.
SUBSCRIBING = 64 * 1024
# Bytes of unread subscriptions of all peers. Short ones need thirty times as much memory until
# they are read.
UNREAD = 2 * MEBIBYTE
FLOOD = "too many subscriptions at once; its connection is cut"

Connection = tuple[int, str]  # descriptor and address: descriptors are used again


@dataclass
class WatchedSide:
    """One side of a device; its messages are passed on in `direction`."""

    opened: OpenSocket
    watch: PeerWatch
    direction: int
    accounts: Unfinished[Connection]
    floods: Floods[Connection] | None = None  # only where subscriptions come in
    close: bool = False  # a peer has sent half of what it may
    cuts: int = 0


class Vigil:
    """The watch of one device; used in the thread that reads the monitors."""

    def __init__(
        self,
        engine: Engine,
        watches: Mapping[str, PeerWatch],
        memory: Callable[[], int] = process_info.memory,
    ) -> None:
        self._engine, self._memory = engine, memory
        limits = engine.spec.limits
        self._origins = engine.counters.origins
        self._wire = process_info.WireBytes()
        self._largest = wire_size(limits.message_bytes, limits.message_frames)
        self._most_memory = limits.memory or int(TIGHT * process_info.available())
        # Peers that have sent less since their last message need no closer look.
        self._half = (self._largest or self._most_memory) // 2
        self._gate = 2 * min(self._half, self._most_memory // 4)
        self._trims: list[float] = []  # when to give memory back
        self._patient_until = 0.0
        self._sides = [
            WatchedSide(
                opened,
                watches[opened.name],
                min(number, 1),
                self._accounts(opened),
                self._floods(opened),
            )
            for number, opened in enumerate(engine.sockets())
            if opened.name in watches
        ]

    def _floods(self, opened: OpenSocket) -> Floods[Connection] | None:
        """Return the watch for subscriptions, if a peer could send too many in a single look."""
        limits = self._engine.spec.limits
        most = wire_size(limits.subscription_bytes_per_peer, limits.subscriptions_per_peer)
        return Floods(most, UNREAD) if opened.type == "XPUB" and most else None

    def look(self, paused: bool) -> float:
        """Cut senders that exceed a limit; return the seconds until the next look."""
        begun = time.thread_time()
        if self._trims and time.monotonic() >= self._trims[0]:
            process_info.give_back()
            del self._trims[0]
        memory = self._memory() if process_info.peak() >= self._gate else 0
        if memory < self._gate:
            self._forget()
            return self._look_for_floods()
        # After a cut, wait until its memory is given back.
        tight = memory >= self._most_memory // 2 and time.monotonic() >= self._patient_until
        for side in self._sides:
            self._look_at(side, paused, tight, self._share(memory))
        self._origins.wanted = any(side.accounts.suspects for side in self._sides)
        pause = CLOSE if any(side.close for side in self._sides) else CALM
        return max(pause, (time.thread_time() - begun) / SHARE)

    def _look_for_floods(self) -> float:
        begun = time.thread_time()
        for side in self._sides:
            if side.floods is not None:
                self._stop_floods(side)
        close = any(side.floods is not None and side.floods.near for side in self._sides)
        return max(CLOSE if close else CALM, (time.thread_time() - begun) / SHARE)

    def _stop_floods(self, side: WatchedSide) -> None:
        if side.floods is None:
            return
        emptied = self._engine.progress(side.direction).emptied
        for connection in side.floods.look(partial(self._sizes, side), emptied):
            self._cut(side, connection, "subscriptions", FLOOD)
        self._trim_after_cuts(side)

    def _forget(self) -> None:
        """Forget the accounts, as nothing is unfinished in memory."""
        if self._origins.wanted:
            self._origins.wanted = False
            for side in self._sides:
                side.accounts.clear()

    def _share(self, memory: int) -> int:
        """Return how many unfinished bytes a connection may have while memory is short.

        It is an equal part of half of the memory, and 0 once the limit is reached.
        """
        if memory >= self._most_memory:
            return 0
        connections = sum(len(side.watch.connections()) for side in self._sides)
        return self._most_memory // 2 // max(1, connections)

    def _look_at(self, side: WatchedSide, paused: bool, tight: bool, share: int) -> None:
        now = time.monotonic()
        sizes = self._sizes(side)
        half = MEBIBYTE if tight else self._half
        side.close = any(side.accounts.unfinished(*item) > half for item in sizes.items())
        found = side.accounts.look(
            sizes,
            lambda connection: self._origins.take(side.direction, connection[0]),
            None if paused else self._engine.progress(side.direction),
            now,
            tight,
            share,
        )
        for connection in found:
            size = side.accounts.unfinished(connection, sizes[connection])
            text = f"an endless message, {size // MEBIBYTE} MiB so far; its connection is cut"
            self._cut(side, connection, "unfinished", text)
        self._stop_floods(side)

    def _sizes(self, side: WatchedSide) -> dict[Connection, int]:
        """Return the bytes that libzmq has read from each connection, where the system counts
        them."""
        sizes = {}
        for connection in side.watch.connections().items():
            size = self._wire.received(connection[0])
            if size is None:
                continue
            if side.accounts.unfinished(connection, size) > self._half:
                size -= self._wire.unread(connection[0])
            sizes[connection] = size
        return sizes

    def _trim_after_cuts(self, side: WatchedSide) -> None:
        """Give memory back after cuts by the device itself, too."""
        cuts = side.opened.guard.refusals().get("subscriptions", 0) if side.opened.guard else 0
        if cuts != side.cuts:
            side.cuts = cuts
            self._expect_memory()

    def _expect_memory(self) -> None:
        now = time.monotonic()
        self._patient_until = now + AFTERMATH[0]
        self._trims = [now + delay for delay in AFTERMATH]

    def _cut(self, side: WatchedSide, connection: Connection, reason: str, text: str) -> None:
        descriptor, address = connection
        guard = side.opened.guard
        if guard is None or remote_of(descriptor) != address or not guard.census.cut(descriptor):
            return
        self._expect_memory()
        guard.refuse(reason, text, address, time.monotonic())

    def _accounts(self, opened: OpenSocket) -> Unfinished[Connection]:
        queue = self._engine.spec.sides[opened.name].sockopts.get("rcvhwm", QUEUE)
        chatter = SUBSCRIBING if opened.type in socktype.PUBLISHERS else CHATTER
        return Unfinished(self._largest, int(queue), chatter)
