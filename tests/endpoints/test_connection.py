"""The socket of an endpoint with what belongs to it, from the start to the end."""

from __future__ import annotations

import threading
import time

from zmqdev.endpoints.connection import Post
from zmqdev.options.endpoint import ENDPOINTS
from zmqdev.options.endpoint_check import resolve
from zmqdev.options.layer import build, flag_layer
from zmqdev.system.signals import Signals

NOBODY = "tcp://127.0.0.1:1"


def test_who_waits_for_nothing_to_leave_does_not_miss_it() -> None:
    """A client has its replies; what it asked twice may be on its way for ever."""
    kind = ENDPOINTS["client"]
    asked = {("connect",): [NOBODY], ("drain",): "3s"}
    spec, written = build(kind.spec, [flag_layer(kind.spec, asked)])
    with Signals() as signals:
        post = Post(kind, resolve(kind, spec, written))
        post.join()
        post.socket.send(b"asked again")
        post.opened.reconnect(NOBODY)
        post.close(0.0)
        begun = time.monotonic()
        assert post.leave(0.0, signals)
        assert time.monotonic() - begun < post.spec.drain
    [thread] = [item for item in threading.enumerate() if item.name == "zmqdev-leave"]
    thread.join(30)  # it ends the context, once the old connection's time is over
    assert post.context.closed
