"""A cable that can be pulled: the kernel drops all that comes for one socket, and answers none."""

from __future__ import annotations

import ctypes
import socket
import struct

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
# BPF: `ret #0`, keep nothing of any packet.
_DROP = struct.pack("=HBBI", 0x06, 0, 0, 0)


def pull(peer: socket.socket) -> None:
    """From now on this end is deaf and mute, as if its machine had no power."""
    code = ctypes.create_string_buffer(_DROP)
    program = struct.pack("HL", 1, ctypes.addressof(code))
    peer.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def plug(peer: socket.socket) -> None:
    """The cable is back."""
    peer.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
