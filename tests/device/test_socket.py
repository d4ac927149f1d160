"""Sockets with their addresses."""

from __future__ import annotations

import zmq

from zmqdev.device.socket import OpenSocket


def test_an_inproc_name_is_free_as_soon_as_its_socket_is_closed() -> None:
    """libzmq closes in the background; the same device may begin again at once."""
    with zmq.Context() as context:
        for _ in range(200):
            opened = OpenSocket("backend", "PUSH", context.socket(zmq.PUSH))
            opened.bind("inproc://again")
            opened.close(0)
