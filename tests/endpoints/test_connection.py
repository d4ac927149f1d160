"""The socket of an endpoint with what belongs to it, from the start to the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

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


@pytest.fixture
def server() -> Iterator[tuple[zmq.Socket[bytes], str]]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    router = context.socket(zmq.ROUTER)
    router.bind("tcp://127.0.0.1:*")
    yield router, router.get(zmq.LAST_ENDPOINT).decode().rstrip("\0")
    context.destroy(linger=0)


@pytest.mark.parametrize("name", ["client", "worker"])
def test_a_server_sees_that_a_task_hung_up(
    server: tuple[zmq.Socket[bytes], str], name: str
) -> None:
    """No new connection takes the descriptor of the old one here, which would let go of it too."""
    router, address = server
    monitor = router.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    kind = ENDPOINTS[name]
    work = {("reliable",): "true"} if name == "worker" else {}
    spec, written = build(kind.spec, [flag_layer(kind.spec, {("connect",): [address], **work})])
    post = Post(kind, resolve(kind, spec, written))
    try:
        post.join()
        end = time.monotonic() + 60
        while not post.connected():
            assert time.monotonic() < end, "not connected"
            post.watch.pair.poll(10)
        post.hang_up()
        assert post.connected() == 0
        post.socket.disconnect(address)
        while not monitor.poll(10):
            assert time.monotonic() < end, "the server does not see it"
            post.socket.poll(0)
        assert recv_monitor_message(monitor)["event"] == zmq.EVENT_DISCONNECTED
    finally:
        post.close(0.0)
        post.context.destroy(linger=0)
