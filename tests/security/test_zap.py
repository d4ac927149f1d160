"""The ZAP handler on real sockets: lets in, refuses with a reason, reloads, stops."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from zmqdev.errors import RunError
from zmqdev.security import zap
from zmqdev.security.networks import networks
from zmqdev.security.passwords import make_line, parse
from zmqdev.security.policy import Policy, Verdict
from zmqdev.security.refusals import LINES_PER_SECOND, Refusals
from zmqdev.security.zap import Handler, Registration
from zmqdev.wire import z85

Context = zmq.Context[Any]
Socket = zmq.Socket[Any]
Pair = tuple[str, str]
USERS = parse(make_line("alice", b"sesame", ln=1).encode(), "users")
OPENED, REFUSED = zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_HANDSHAKE_FAILED_AUTH


def keypair() -> Pair:
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


@pytest.fixture
def context() -> Iterator[Context]:
    with zmq.Context() as made:
        made.linger = 0
        yield made
        made.destroy(0)


@pytest.fixture
def handler(context: Context) -> Iterator[Handler]:
    made = Handler(context)
    made.sides["front"] = Registration(Policy(), Refusals("front"))
    made.start()
    yield made
    made.stop()


def server(context: Context, **options: Any) -> Socket:
    """A PULL that asks the handler about every peer."""
    socket = context.socket(zmq.PULL)
    socket.zap_domain = b"front"
    for name, value in options.items():
        setattr(socket, name, value)
    socket.bind("tcp://127.0.0.1:*")
    return socket


def outcome(context: Context, to: Socket, **options: Any) -> int:
    """Connect a PUSH and wait for what its handshake comes to."""
    socket = context.socket(zmq.PUSH)
    for name, value in options.items():
        setattr(socket, name, value)
    monitor = socket.get_monitor_socket(OPENED | zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    socket.connect(to.last_endpoint)
    assert monitor.poll(5000), "the handshake came to nothing"
    event = recv_monitor_message(monitor)["event"]
    socket.disable_monitor()
    socket.close(0)
    return int(event)


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


def test_an_open_side_lets_in(context: Context, handler: Handler) -> None:
    assert outcome(context, server(context)) == OPENED
    assert handler.sides["front"].refusals.read() == {}


def test_a_denied_address_is_refused_and_counted(context: Context, handler: Handler) -> None:
    handler.sides["front"].policy = Policy(networks=networks([], ["127.0.0.0/8"]))
    assert outcome(context, server(context)) == REFUSED
    assert handler.sides["front"].refusals.read() == {"address": 1}


def test_an_address_is_known_on_a_socket_of_both_families(
    context: Context, handler: Handler
) -> None:
    handler.sides["front"].policy = Policy(networks=networks(["127.0.0.1"], []))
    assert outcome(context, server(context, ipv6=True)) == OPENED


def test_a_side_without_a_policy_lets_nobody_in(context: Context, handler: Handler) -> None:
    handler.sides.clear()
    assert outcome(context, server(context)) == REFUSED
    assert handler.strays.read() == {"domain": 1}


def test_a_peer_of_a_socket_that_closes_is_told_to_come_again(
    context: Context, handler: Handler
) -> None:
    """A 400 would be final: it would never come to the socket that takes the place. A handshake
    that got a 300 ends at once or with its time, as the two sides happen to be."""
    to = server(context, handshake_ivl=300)
    post = handler.sides["front"]
    assert handler.leave("front")
    assert not handler.leave("front")
    with context.socket(zmq.PUSH) as peer:
        monitor = peer.get_monitor_socket(OPENED | zmq.EVENT_DISCONNECTED | REFUSED)
        peer.handshake_ivl = 500  # nobody answers it; then it comes again
        peer.connect(to.last_endpoint)
        assert monitor.poll(5000)
        assert recv_monitor_message(monitor)["event"] == zmq.EVENT_DISCONNECTED
        handler.sides["front"] = post
        peer.send(b"there")
        assert to.recv() == b"there"
        peer.disable_monitor()
    assert handler.strays.read() == {}


def test_users_come_in_with_their_password(context: Context, handler: Handler) -> None:
    handler.sides["front"].policy = Policy("PLAIN", users=USERS)
    to = server(context, plain_server=True)
    good = {"plain_username": b"alice", "plain_password": b"sesame"}
    assert outcome(context, to, **good) == OPENED
    assert outcome(context, to, **{**good, "plain_password": b"guess"}) == REFUSED
    assert handler.sides["front"].refusals.read() == {"password": 1}


def test_keys_on_the_list_come_in_and_the_user_id_is_their_name(
    context: Context, handler: Handler
) -> None:
    ours, alice, mallory = keypair(), keypair(), keypair()
    handler.sides["front"].policy = Policy("CURVE", keys={z85.key(alice[0]): "alice"})
    options = {"curve_secretkey": ours[1].encode(), "curve_publickey": ours[0].encode()}
    to = server(context, curve_server=True, **options)

    def curve(pair: Pair) -> dict[str, bytes]:
        names = ("curve_publickey", "curve_secretkey", "curve_serverkey")
        return dict(zip(names, map(str.encode, (*pair, ours[0])), strict=True))

    assert outcome(context, to, **curve(mallory)) == REFUSED
    assert handler.sides["front"].refusals.read() == {"key": 1}
    sender = context.socket(zmq.PUSH)
    for name, value in curve(alice).items():
        setattr(sender, name, value)
    sender.connect(to.last_endpoint)
    sender.send(b"hello")
    assert to.recv(copy=False).get("User-Id") == "alice"


def test_reloading_keeps_good_peers_and_refuses_new_ones(
    context: Context, handler: Handler
) -> None:
    to = server(context)
    good = context.socket(zmq.PUSH)
    good.connect(to.last_endpoint)
    good.send(b"before")
    assert to.recv() == b"before"
    handler.sides["front"].policy = Policy(networks=networks([], ["127.0.0.1"]))
    assert outcome(context, to) == REFUSED
    good.send(b"after")
    assert to.recv() == b"after"


def test_a_failing_policy_refuses_that_peer_alone(
    context: Context,
    handler: Handler,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*words: Any) -> Verdict:
        raise KeyError("ours")

    to = server(context)
    with monkeypatch.context() as patched:
        patched.setattr(zap, "decide", fail)
        assert outcome(context, to) == REFUSED
    assert "failed on a request" in caplog.text
    assert outcome(context, to) == OPENED


def test_rubbish_on_the_handlers_address_stops_nothing(context: Context, handler: Handler) -> None:
    stranger = context.socket(zmq.DEALER)
    stranger.connect("inproc://zeromq.zap.01")
    stranger.send_multipart([b"rubbish"])
    stranger.send_multipart([b"", b"1.0", b"9"])
    assert stranger.recv_multipart()[2:4] == [b"9", b"400"]
    assert outcome(context, server(context)) == OPENED
    assert handler.strays.read() == {"malformed": 2}


def test_there_is_one_handler_in_a_context(context: Context, handler: Handler) -> None:
    with pytest.raises(RunError, match="cannot start the ZAP handler"):
        Handler(context).start()


def test_one_that_has_stopped_leaves_no_name_in_use(context: Context) -> None:
    """A socket of the next one may have the address in memory of one that is not gone yet."""
    for _ in range(100):
        handler = Handler(context)
        handler.start()
        handler.stop()


def test_it_stops_and_another_can_start(context: Context) -> None:
    for _ in range(3):
        handler = Handler(context)
        handler.sides["front"] = Registration(Policy(), Refusals("front"))
        handler.start()
        assert outcome(context, server(context)) == OPENED
        handler.stop()
        handler.stop()


def test_it_ends_with_its_context(monkeypatch: pytest.MonkeyPatch) -> None:
    context: Context = zmq.Context()
    handler = Handler(context)
    handler.start()
    thread = handler._thread
    assert thread is not None
    context.term()
    thread.join(60)
    assert not thread.is_alive()
    handler.stop()


def test_a_refusal_is_logged_with_its_reason(
    context: Context, handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    handler.sides["front"].policy = Policy(networks=networks([], ["127.0.0.1"]))
    outcome(context, server(context))
    assert "front: refused 127.0.0.1: address 127.0.0.1 is denied" in caplog.text


def test_a_flood_of_refusals_is_counted_whole_and_logged_in_part(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusals = Refusals("front")
    with caplog.at_level(logging.WARNING, "zmqdev.security"):
        for _ in range(1000):
            refusals.add("key", "key is not allowed", "10.0.0.1", 50.0)
        assert len(caplog.records) == LINES_PER_SECOND
        refusals.pause_over(51.0)
    assert refusals.read() == {"key": 1000}
    assert caplog.messages[-1] == f"front: {1000 - LINES_PER_SECOND} more peers were refused"


def test_the_turn_is_short_enough_to_say_what_was_not_said() -> None:
    assert zap.TURN_MS <= 1000
