"""The end of accepting at an address: from then on there is no new connection.

A sender whose connection was ended connects again after a tenth of a second, and would send
messages that need a second ending. So the listener is not polled any more: new connections wait in
the system, before any handshake, and send no message. When the address is released, these senders
connect again, to the program that has bound it by then.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable

from zmqdev.device.peers import PeerWatch
from zmqdev.device.socket import OpenSocket
from zmqdev.options import address as addresses
from zmqdev.stats.snapshot import AddressState
from zmqdev.system import ipcfile, libzmq
from zmqdev.system.descriptor import duplicate

EVERY = frozenset({"", "*", "0.0.0.0", "::"})


def keep_out(
    side: OpenSocket, watch: PeerWatch | None, states: Iterable[AddressState] | None = None
) -> None:
    """Stop accepting at these addresses, or at all of a side; call it in the side's thread."""
    told = tuple(side.addresses if states is None else states)
    side.hide(told)
    bound = [state for state in told if state.verb == "bind"]
    for descriptor in watch.listeners() if watch is not None else ():
        listener = duplicate(descriptor)
        if listener is None:
            continue
        with listener:
            if any(_listens(listener, state) for state in bound):
                libzmq.accept_no_more(descriptor)


def _listens(listener: socket.socket, state: AddressState) -> bool:
    try:
        accepts = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError:
        return False
    return bool(accepts) and belongs(listener, state)


def belongs(connection: socket.socket, state: AddressState) -> bool:
    """Return whether a connection, or a listener, belongs to this address."""
    bound = state.verb == "bind"
    try:
        end = connection.getsockname() if bound else connection.getpeername()
    except OSError:
        return False
    if not isinstance(end, tuple):
        path = ipcfile.path_of(state.actual)
        return path is not None and os.fsencode(end) == os.fsencode(path)
    parts = addresses.split(state.actual, state.verb)
    if parts.transport != "tcp" or int(parts.port) != end[1]:
        return False
    return (bound and parts.host in EVERY) or _plain(end[0]) in _numbers(parts.host)


def _numbers(host: str) -> set[str]:
    """Return the addresses of a host name."""
    try:
        return {_plain(str(found[4][0])) for found in socket.getaddrinfo(host, None)}
    except OSError:
        return {host}


def _plain(host: str) -> str:
    return host.partition("%")[0].removeprefix("::ffff:")
