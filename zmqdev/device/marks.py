"""Changing high-water marks while peers are connected.

libzmq passes new marks to the other end of each pipe of a socket. 4.3.5 does so even when it has
told that end to terminate; the command then reaches freed memory, and the program crashes (issue
4524; fixed after 4.3.5). It is enough that peers disconnect at that moment. So the marks are set
only while no pipe is terminating: all commands to the socket are processed, libzmq's own thread has
answered those that resulted, and no answer is left.

This does not cover an inproc peer, whose other end is in a thread of this process.
"""

from __future__ import annotations

import select
import time
from collections.abc import Mapping
from typing import Any

import zmq

from zmqdev.device.socket import OpenSocket
from zmqdev.errors import RunError

# Seconds to wait for such a moment; a try takes about 0.1 ms.
PATIENCE = 0.5
MARKS = ("sndhwm", "rcvhwm")


def change(side: OpenSocket, options: Mapping[str, Any]) -> None:
    """Set options of an open socket, in its thread; RunError when peers come and go too fast."""
    if any(name in MARKS for name in options) and not await_no_leaver(side):
        raise RunError(
            f"{side.name}: marks cannot change while peers come and go without a pause; try again"
        )
    side.apply(options)


def await_no_leaver(side: OpenSocket) -> bool:
    """Wait for a moment at which marks can be set; return False if there was none.

    Set them before anything else is done with the socket.
    """
    commands = select.poll()
    commands.register(int(side.socket.get(zmq.FD)), select.POLLIN)
    until = time.monotonic() + PATIENCE
    while True:
        _take_commands(side.socket)
        side.io_threads.catch_up()
        if not commands.poll(0):
            return True
        if time.monotonic() >= until:
            return False


def _take_commands(socket: zmq.Socket[bytes]) -> None:
    """Have libzmq process its commands for this socket without reading from any pipe.

    Reading might take the last message of a pipe, and so end it.
    """
    try:
        socket.unbind("")  # commands are processed before the address is checked
    except zmq.ZMQError as error:
        if error.errno not in (zmq.EINVAL, zmq.EPROTONOSUPPORT):
            raise
