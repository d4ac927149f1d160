"""Connections of this process by their descriptors, which are libzmq's: only copies are used."""

from __future__ import annotations

import os
import socket as sockets
import sys
from dataclasses import dataclass

from zmqdev.system.process_info import c_library


def remote_of(descriptor: int) -> str:
    """Return the other end of a connection of this process; "" when it has ended.

    The descriptor may be closed by now, or be something other than a socket.
    """
    connection = duplicate(descriptor)
    if connection is None:
        return ""
    with connection:
        try:
            return written(connection.getpeername())
        except OSError:
            return ""


def written(peer: object) -> str:
    """Return a socket address as libzmq writes it, `tcp://127.0.0.1:5555`; "" for a local one."""
    if not isinstance(peer, tuple):
        return ""
    host, port = peer[:2]
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


@dataclass(frozen=True)
class Connection:
    """One connection of libzmq's, seen while it was open.

    The system reuses its descriptor as soon as it has ended; the inode of its socket
    tells connections apart. `inode` 0: it had ended before it was looked at. `process`
    is that of a local peer if it is known, else 0.
    """

    descriptor: int
    inode: int = 0
    address: str = ""
    process: int = 0

    def cut(self) -> bool:
        """End the connection from outside, so that libzmq sees its peer hang up.

        Returns False when it has ended already; a new connection with its descriptor is
        left alone.
        """
        copy = duplicate(self.descriptor)
        if copy is None:
            return self._shut_down()
        with copy:
            if not self.inode or inode_of(copy.fileno()) != self.inode:
                return False
            try:
                copy.shutdown(sockets.SHUT_RDWR)
            except OSError:
                return False
        return True

    def _shut_down(self) -> bool:
        """End it without a duplicate, when no descriptor is left for one."""
        library = c_library()
        if library is None or not self.inode or inode_of(self.descriptor) != self.inode:
            return False
        return bool(library.shutdown(self.descriptor, sockets.SHUT_RDWR) == 0)


def look_at(descriptor: int) -> tuple[Connection, sockets.socket | None]:
    """Return the connection with this descriptor and a duplicate; None for the latter
    if it is none."""
    copy = duplicate(descriptor)
    if copy is None:
        return Connection(descriptor, inode_of(descriptor) or 0), None
    try:
        address = written(copy.getpeername())
    except OSError:  # it was reset already
        address = ""
    inode, process = inode_of(copy.fileno()) or 0, 0 if address else _process(copy)
    return Connection(descriptor, inode, address, process), copy


def duplicate(descriptor: int) -> sockets.socket | None:
    """Return a duplicate of libzmq's socket; None when the descriptor is not a socket."""
    try:
        copy = os.dup(descriptor)
    except OSError:
        return None
    try:
        return sockets.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None


def inode_of(descriptor: int) -> int | None:
    """Return the inode of a descriptor; None when it is closed."""
    try:
        return os.fstat(descriptor).st_ino
    except OSError:
        return None


def _process(connection: sockets.socket) -> int:
    """Return the process at the other end of a local connection, 0 if unknown."""
    if connection.family != sockets.AF_UNIX or not hasattr(sockets, "SO_PEERCRED"):
        return 0
    credentials = connection.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, 12)
    return int.from_bytes(credentials[:4], sys.byteorder, signed=True)
