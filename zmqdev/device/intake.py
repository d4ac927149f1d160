"""The end of reading: nothing that a peer has handed to the kernel is lost.

Unbind and disconnect throw away the contents of a connection's receive buffer. So each connection
is first closed for writing from our end. A peer of any make then sees the end of the stream and
closes, and its system delivers everything before that end. What the peer had not written yet stays
in its queue, for the address to which it connects next.

When both ends have closed a connection while the socket's queue is full, libzmq drops it with its
unread data (stream_engine_base.cpp, in_event with _input_stopped). With the guarded poll
(system/_poll_guard.h) it does not; without it, the queue is widened first. A reader reports room
to the other thread only after half a high-water mark of messages, so a connection that waits for
room while the mark is raised would wait without end. This is detected, and the mark is put back
until the connection goes on.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import termios
import time
from collections.abc import Callable, Sequence

import zmq

from zmqdev.device.close import duplicate
from zmqdev.device.marks import await_no_leaver
from zmqdev.device.newcomers import keep_out
from zmqdev.device.pause import TYPICAL, SenderPause
from zmqdev.device.peers import PeerWatch
from zmqdev.device.socket import OpenSocket, apply
from zmqdev.system.libzmq import why_unguarded
from zmqdev.system.process_info import exchanged

# Takes the messages that are here, or come within these milliseconds; returns how many.
Take = Callable[[int], int]

WIDE = 2**31 - 1
# Milliseconds; when a queue was empty for so long, no message is on its way to it.
QUIET_MS = 2
# Milliseconds between two looks at the buffers of a connection, and the number of looks.
LOOK_MS, LOOKS = 1, 4
# How often a mark is put back for a connection that waits for room.
MOST_TRIES = 20
# Milliseconds between two looks for a moment to close a connection; seconds to wait for one.
PAUSE_MS, CATCH_UP = 1, 0.5
# A device in front that sends nothing for so many milliseconds has ended.
INPROC, INPROC_MS = "inproc://", 20
# Seconds without a message or an end after which the remaining peers are given up.
SILENCE = 1.0
# Milliseconds that `take` waits for more while connections close.
TURN_MS = 10


class Intake:
    """The end of reading from the frontend of a device, or from the socket of a receiver.

    Call `end` in the socket's thread, while another thread drains `watch`.
    """

    def __init__(self, side: OpenSocket, watch: PeerWatch | None, take: Take) -> None:
        self._side, self._watch, self._take = side, watch, take
        self._mark = int(side.socket.get(zmq.RCVHWM))
        # By descriptor: the peer's address, and the duplicate of the connection.
        self._held: dict[int, tuple[str, socket.socket]] = {}

    def end(self, until: float, stopped: Callable[[], bool] = lambda: False) -> bool:
        """Take in what is on its way, then release every address.

        Returns False when peers did not close before `until` (monotonic seconds) or `stopped()`;
        then their messages are lost.
        """
        keep_out(self._side, self._watch)
        try:
            closed = self._close_connections(until, stopped)
        finally:
            for _, connection in self._held.values():
                connection.close()
        # libzmq reports the end of a connection before it delivers its last messages.
        self._side.io_threads.catch_up()
        while self._take(0):
            pass
        if self._watch is not None:
            self._watch.let_go()
        for state in self._side.addresses:
            if not state.actual.startswith(INPROC):
                self._side.release(state)
        self._await_inproc(until)
        while self._take(0):
            pass
        return closed

    def _await_inproc(self, until: float) -> None:
        """Wait for a device of this process in front of this one, which ends at the same time.

        It passes on what it has. None of that is in a buffer of the system, and nothing is lost
        while the two are connected.
        """
        if any(state.actual.startswith(INPROC) for state in self._side.addresses):
            while time.monotonic() < until and self._take(INPROC_MS):
                pass

    def _close_connections(self, until: float, stopped: Callable[[], bool]) -> bool:
        heard = time.monotonic()
        while self._any_peer():
            news = self._shut_new(until)
            if self._take(TURN_MS) or news:
                heard = time.monotonic()
            now = time.monotonic()
            if now >= min(until, heard + SILENCE) or stopped():
                return False
        return True

    def _any_peer(self) -> bool:
        """Return whether a peer is connected.

        It looks twice, since the event of a peer that has just come may still be on its way.
        """
        if not self._peers():
            self._take(QUIET_MS)
        return self._peers() > 0

    def _peers(self) -> int:
        return self._watch.connected if self._watch is not None else 0

    def _shut_new(self, until: float) -> int:
        """Close new connections for writing; return how many there were."""
        fresh = self._hold_new()
        if fresh:
            self._widen(fresh, until)
            self._close_in_pauses(fresh, until)
        return len(fresh)

    def _hold_new(self) -> list[socket.socket]:
        now = self._watch.connections() if self._watch is not None else {}
        for number in [n for n, (address, _) in self._held.items() if now.get(n) != address]:
            self._held.pop(number)[1].close()
        fresh = []
        for number, address in now.items():
            made = duplicate(number, address) if number not in self._held else None
            if made is not None:
                self._held[number] = address, made
                fresh.append(made)
        return fresh

    def _widen(self, connections: Sequence[socket.socket], until: float) -> None:
        """Raise the mark at a moment when no connection waits for room."""
        if not self._mark or why_unguarded() is None:
            return
        for _ in range(MOST_TRIES):
            self._take(QUIET_MS)
            self._side.io_threads.catch_up()
            if self._take(0) and time.monotonic() < until:
                continue  # a connection waited for room just now, and may do so again
            if not self._set_mark(WIDE):
                return
            self._side.io_threads.catch_up()
            if time.monotonic() >= until or not _wait_for_room(connections):
                return
            if not self._set_mark(self._mark):
                return

    def _set_mark(self, mark: int) -> bool:
        if not await_no_leaver(self._side):
            return False
        apply(self._side.socket, {"rcvhwm": mark})
        return True

    def _close_in_pauses(self, fresh: Sequence[socket.socket], until: float) -> None:
        """Close each connection in a pause of its sender.

        In the middle of a burst, libzmq has sent a part of a message, and loses it when the
        connection ends.
        """
        until = min(until, time.monotonic() + CATCH_UP)
        pauses = {one: watched(one, 0) for one in fresh}
        taken = 0
        while pauses:
            taken += self._take(PAUSE_MS)
            over = time.monotonic() >= until
            for one in [one for one, pause in pauses.items() if over or at(pause, one, taken)]:
                say_end(one)
                del pauses[one]


def _wait_for_room(connections: Sequence[socket.socket]) -> bool:
    """Return whether a receive buffer has data that is not read."""
    seen = {connection: unread(connection) for connection in connections}
    for _ in range(LOOKS):
        seen = {one: before for one, before in seen.items() if before}
        if not seen:
            return False
        time.sleep(LOOK_MS / 1000)
        after = {one: unread(one) for one in seen}
        seen = {one: after[one] for one in seen if after[one] >= seen[one]}
    return bool(seen)


def watched(connection: socket.socket, messages: int) -> SenderPause:
    """Start to watch the pauses of a sender, by the duplicate of its connection."""
    exact = exchanged(connection) is not None
    return SenderPause(came(connection, messages), time.monotonic(), exact=exact)


def at(pause: SenderPause, connection: socket.socket, messages: int) -> bool:
    """Return whether this is a good moment to close the connection."""
    return pause.look(came(connection, messages), unread(connection), time.monotonic())


def came(connection: socket.socket, messages: int) -> int:
    """Return the bytes received by a connection.

    Where the system does not count them, this is an estimate from the number of `messages` on all
    connections.
    """
    told = exchanged(connection)
    return messages * TYPICAL if told is None else told[1]


def say_end(connection: socket.socket) -> None:
    """Close the writing side, so that the peer sees the end of the stream."""
    with contextlib.suppress(OSError):  # the connection is gone
        connection.shutdown(socket.SHUT_WR)


def unread(connection: socket.socket) -> int:
    """Return the unread bytes in the system's receive buffer; 0 if the connection is gone."""
    try:
        told = fcntl.ioctl(connection, termios.FIONREAD, b"\0" * 4)
    except OSError:
        return 0
    return int(struct.unpack("i", told)[0])
