"""Peers that reset their connections at once: who gets their descriptors next must not notice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from support import rawpeer
from support.processes import until


@pytest.mark.parametrize("side", ["SUB", "PULL", "REQ"])
def test_a_conforming_peer_that_resets_is_not_counted_as_refused(
    place: Callable[..., Any], scale: int, side: str
) -> None:
    kind = {"SUB": "forwarder", "PULL": "streamer", "REQ": "queue"}[side]
    here = place(kind)
    address, name = (here.front, "frontend") if side == "REQ" else (here.back, "backend")
    for number in range(3000 if scale > 1 else 300):
        peer = rawpeer.shake_hands(address, side)
        with suppress(OSError):
            if side == "SUB":
                peer.sendall(rawpeer.subscription(b"topic.%d" % number))
            elif side == "REQ" and number % 2:
                peer.sendall(rawpeer.message(b"half", b"a request")[:-4])
        rawpeer.reset(peer)
    until(lambda: here.shown()[f"{name}_peers"] == 1, "all but the good one have gone")
    assert here.shown()[f"{name}_refused"] == {}
    here.end()
