"""Connections of this process by their descriptors, which are libzmq's: only copies are touched."""

from __future__ import annotations

import contextlib
import os
import socket as sockets


def remote_of(descriptor: int) -> str:
    """The other end of a connection of this process; "" when it is gone already.

    The descriptor is libzmq's, so it is duplicated and only the copy is touched. By now it may
    be closed, or be something else that is no socket.
    """
    try:
        copy = os.dup(descriptor)
    except OSError:
        return ""
    try:
        connection = sockets.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return ""
    with connection, contextlib.suppress(OSError):
        return written(connection.getpeername())
    return ""


def written(peer: object) -> str:
    """A socket address as libzmq writes it, `tcp://127.0.0.1:5555`; "" for a local one."""
    if not isinstance(peer, tuple):
        return ""
    host, port = peer[:2]
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"
