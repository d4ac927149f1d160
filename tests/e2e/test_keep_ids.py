"""`queue --keep-ids`: a server that is a ROUTER knows its peers by their own routing ids."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import Program, Start, until
from support.shown import refused, shown
from zmq.auth.thread import ThreadAuthenticator

from zmqdev.security.keyfile import generate, load_secret, write_pair

FREE = "tcp://127.0.0.1:*"
PATIENCE = 30_000
Socket = zmq.Socket[bytes]
Made = Callable[..., Socket]


@pytest.fixture
def made(context: zmq.Context[Socket]) -> Made:
    """`made(zmq.DEALER, connect=..., routing_id=...)`."""

    def make(type_: int, *, bind: str = "", connect: str = "", **options: Any) -> Socket:
        socket = context.socket(type_)
        socket.rcvtimeo = socket.sndtimeo = PATIENCE
        for name, value in options.items():
            setattr(socket, name, value)
        if bind:
            socket.bind(bind)
        if connect:
            socket.connect(connect)
        return socket

    return make


@pytest.fixture
def server(made: Made, free_ports: Callable[[int], list[int]]) -> Socket:
    """At a port that it can have again."""
    [port] = free_ports(1)
    return made(zmq.ROUTER, bind=f"tcp://127.0.0.1:{port}", router_mandatory=True)


def address(socket: Socket) -> str:
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


def keeper(start: Start, server: str, *more: str, **options: Any) -> tuple[Program, str]:
    """The queue, and where its peers connect to."""
    device = start(
        *("queue", "--keep-ids", "--frontend-bind", FREE, "--backend-connect", server),
        *("--stats", "json", "--interval", "50ms", *more),
        ready=True,
        **options,
    )
    return device, device.ready()["frontend"][0]


def kept(device: Program) -> int | None:
    found: int | None = shown(device).get("kept_ids")
    return found


@pytest.fixture(params=["native", "python"])
def half(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"ZMQDEV_RELAY": request.param}


def test_the_server_knows_each_peer_by_its_own_id_and_speaks_first(
    start: Start, made: Made, server: Socket, half: dict[str, str]
) -> None:
    device, front = keeper(start, address(server), env=half)
    alice = made(zmq.DEALER, connect=front, routing_id=b"alice")
    bob = made(zmq.REQ, connect=front, routing_id=b"\x01bob")
    alice.send_multipart([b"hello", b"", b"world"])
    assert server.recv_multipart() == [b"alice", b"hello", b"", b"world"]
    bob.send(b"ask")
    assert server.recv_multipart() == [b"\x01bob", b"", b"ask"]
    for number in range(300):
        server.send_multipart([b"alice", b"%d" % number, b"more"])
    assert [alice.recv_multipart()[0] for _ in range(300)] == [b"%d" % n for n in range(300)]
    server.send_multipart([b"\x01bob", b"", b"answer"])
    assert bob.recv() == b"answer"
    until(lambda: kept(device) == 2, "two peers are shown")
    until(lambda: shown(device).get("backward_messages") == 301, "all are counted")
    assert shown(device).get("forward_messages") == 2


def test_a_peer_without_an_id_is_numbered_by_the_server(
    start: Start, made: Made, server: Socket, half: dict[str, str]
) -> None:
    _, front = keeper(start, address(server), env=half)
    peers = [made(zmq.DEALER, connect=front) for _ in range(3)]
    for number, peer in enumerate(peers):
        peer.send(b"%d" % number)
    came = dict(reversed(server.recv_multipart()) for _ in peers)
    assert len(set(came.values())) == 3
    assert all(len(id) == 5 and not id[0] for id in came.values())
    for body, id in came.items():
        server.send_multipart([id, b"to " + body])
    assert [peer.recv() for peer in peers] == [b"to 0", b"to 1", b"to 2"]


def test_its_connection_ends_with_the_peer_and_what_it_had_sent_arrives(
    start: Start, made: Made, server: Socket
) -> None:
    device, front = keeper(start, address(server))
    peer = made(zmq.DEALER, connect=front, routing_id=b"short", linger=-1)
    for number in range(2000):
        peer.send(b"%d" % number)
    peer.close()
    got = [server.recv_multipart() for _ in range(2000)]
    assert got == [[b"short", b"%d" % number] for number in range(2000)]
    until(lambda: kept(device) == 0, "its line has ended")

    def unknown() -> bool:
        try:
            server.send_multipart([b"short", b"still there?"])
        except zmq.ZMQError as error:
            return error.errno == zmq.EHOSTUNREACH
        return False

    until(unknown, "the server has heard of the end")
    until(lambda: shown(device).get("backend_peers") == 0, "it is not counted any more")


@pytest.mark.parametrize("gone", ["frontend_peers", "kept_ids"])
def test_a_peer_that_comes_back_under_its_id_is_the_same_to_the_server(
    start: Start, made: Made, server: Socket, gone: str
) -> None:
    """A ROUTER without ROUTER_HANDOVER takes no second peer of an id until it has seen the first
    one end, which may be after that one is back."""
    server.router_handover = True
    device, front = keeper(start, address(server), "--set", "frontend.router_handover=true")
    for life in range(10):
        peer = made(zmq.DEALER, connect=front, routing_id=b"again", linger=-1)
        peer.send(b"%d" % life)
        assert server.recv_multipart() == [b"again", b"%d" % life]
        server.send_multipart([b"again", b"yes"])
        assert peer.recv() == b"yes"
        peer.close()
        # The server looks after its peers meanwhile, as it does when it polls.
        until(lambda: not server.poll(1) and shown(device).get(gone) == 0, "its end is seen")


def test_a_second_peer_of_the_same_id_does_not_disturb_the_first(
    start: Start, made: Made, server: Socket
) -> None:
    _, front = keeper(start, address(server))
    first = made(zmq.DEALER, connect=front, routing_id=b"same")
    first.send(b"first")
    assert server.recv_multipart() == [b"same", b"first"]
    second = made(zmq.DEALER, connect=front, routing_id=b"same")
    second.send(b"second")
    other = made(zmq.DEALER, connect=front, routing_id=b"other")
    other.send(b"other")
    assert server.recv_multipart() == [b"other", b"other"]
    server.send_multipart([b"same", b"to the first"])
    assert first.recv() == b"to the first"


def test_a_server_that_goes_and_comes_back_gets_what_was_sent_meanwhile(
    start: Start, made: Made, server: Socket
) -> None:
    place = address(server)
    device, front = keeper(start, place)
    peers = {name: made(zmq.DEALER, connect=front, routing_id=name) for name in (b"a", b"b")}
    for name, peer in peers.items():
        peer.send(b"before")
        assert server.recv_multipart() == [name, b"before"]
    server.close(0)
    until(lambda: shown(device).get("backend_peers") == 0, "it has heard of the end")
    peers[b"c"] = made(zmq.DEALER, connect=front, routing_id=b"c")
    for peer in peers.values():
        peer.send(b"meanwhile")
    again = made(zmq.ROUTER, router_mandatory=True)

    def bound() -> bool:
        try:
            again.bind(place)
        except zmq.ZMQError:
            return False
        return True

    until(bound, "the address is free")
    assert sorted(again.recv_multipart() for _ in peers) == [[n, b"meanwhile"] for n in peers]
    for name, peer in peers.items():
        again.send_multipart([name, b"back"])
        assert peer.recv() == b"back"


def test_a_peer_that_does_not_read_stops_no_other(
    start: Start, made: Made, server: Socket, half: dict[str, str]
) -> None:
    device, front = keeper(
        start, address(server), "--set", "frontend.hwm=10", "--set", "backend.hwm=10", env=half
    )
    stalled = made(zmq.DEALER, connect=front, routing_id=b"stalled", rcvhwm=10, rcvbuf=4096)
    lively = made(zmq.DEALER, connect=front, routing_id=b"lively")
    for peer in (stalled, lively):
        peer.send(b"here")
        server.recv_multipart()
    server.router_mandatory = True
    sent = 0
    while sent < 3000:
        try:
            server.send_multipart([b"stalled", b"x" * 10_000], zmq.DONTWAIT)
        except zmq.Again:
            break  # the server itself is told that this peer has no room
        sent += 1
    for number in range(200):
        lively.send(b"%d" % number)
        assert server.recv_multipart() == [b"lively", b"%d" % number]
        server.send_multipart([b"lively", b"%d" % number])
        assert lively.recv() == b"%d" % number
    assert [len(stalled.recv()) for _ in range(sent)] == [10_000] * sent
    assert not shown(device).get("backward_drops")


def test_over_the_limit_a_peer_is_refused_and_told_of(
    start: Start, made: Made, server: Socket
) -> None:
    device, front = keeper(start, address(server), "--limits-connections", "3", "-v")
    peers = [made(zmq.DEALER, connect=front, routing_id=b"%d" % n, linger=0) for n in range(3)]
    for peer in peers:
        peer.send(b"here")
        server.recv_multipart()
    late = made(zmq.DEALER, connect=front, routing_id=b"late")
    late.send(b"here")
    until(lambda: refused(device).get("connections"), "it is counted")
    until(lambda: "3 connections" in device.err, "it is told")
    peers[0].close()

    def served() -> bool:
        late.send(b"here")
        return bool(server.poll(50))

    until(served, "there is room again")
    assert server.recv_multipart() == [b"late", b"here"]


@pytest.mark.parametrize("mechanism", ["plain", "curve"])
def test_each_connection_has_the_security_of_the_backend(
    start: Start,
    made: Made,
    context: zmq.Context[Socket],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    mechanism: str,
) -> None:
    if mechanism == "curve":
        for name in ("server", "own"):
            write_pair(generate([("name", name)]), tmp_path / name, datetime(2024, 2, 29))
        secret = load_secret(tmp_path / "server.key_secret").secret
        assert secret is not None
        options: dict[str, Any] = {"curve_server": True, "curve_secretkey": secret.encode()}
        flags = ["--backend-curve-key", str(tmp_path / "own.key_secret")]
        flags += ["--backend-server-key", str(tmp_path / "server.key")]
    else:
        (tmp_path / "password").write_text("secret")
        (tmp_path / "password").chmod(0o600)
        options = {"plain_server": True}
        letting_in = ThreadAuthenticator(context)
        letting_in.start()
        letting_in.configure_plain(domain="*", passwords={"queue": "secret"})
        request.addfinalizer(letting_in.stop)
        flags = ["--backend-plain-username", "queue"]
        flags += ["--backend-plain-password", f"@{tmp_path / 'password'}"]
    server = made(zmq.ROUTER, bind=FREE, **options)
    device, front = keeper(start, address(server), *flags)
    for name in (b"one", b"two"):
        peer = made(zmq.DEALER, connect=front, routing_id=name)
        peer.send(b"hello")
        assert server.recv_multipart() == [name, b"hello"]
        server.send_multipart([name, b"welcome"])
        assert peer.recv() == b"welcome"
    until(lambda: shown(device).get("backend_peers") == 2, "both are counted")


def test_by_ipc_on_both_sides(start: Start, made: Made, tmp_path: Path) -> None:
    server = made(zmq.ROUTER, bind=f"ipc://{tmp_path}/server")
    device = start(
        *("queue", "--keep-ids", "--frontend-bind", f"ipc://{tmp_path}/front"),
        *("--backend-connect", f"ipc://{tmp_path}/server", "--stats", "json", "--interval", "50ms"),
        ready=True,
    )
    device.ready()
    peer = made(zmq.DEALER, connect=f"ipc://{tmp_path}/front", routing_id=b"local")
    peer.send(b"hello")
    assert server.recv_multipart() == [b"local", b"hello"]
    server.send_multipart([b"local", b"welcome"])
    assert peer.recv() == b"welcome"
    peer.close()
    until(lambda: kept(device) == 0, "its line has ended")


def test_a_stop_passes_on_what_is_here_and_waits_for_the_answer(
    start: Start, made: Made, server: Socket, half: dict[str, str]
) -> None:
    device, front = keeper(start, address(server), "--drain", "20s", env=half)
    req = made(zmq.REQ, connect=front, routing_id=b"asks")
    req.send(b"question")
    assert server.recv_multipart() == [b"asks", b"", b"question"]
    talker = made(zmq.DEALER, connect=front, routing_id=b"talks", linger=-1)
    for number in range(1000):
        talker.send(b"%d" % number)
    until(lambda: shown(device).get("forward_messages") == 1001, "all were taken in")
    device.signal(signal.SIGTERM)
    until(lambda: "passing on what is inside" in device.err, "it is ending")
    server.send_multipart([b"asks", b"", b"answer"])
    assert req.recv() == b"answer"
    assert [server.recv_multipart()[1] for _ in range(1000)] == [b"%d" % n for n in range(1000)]
    assert device.wait() == 0
    assert "no reply yet" not in device.err


def test_what_is_sent_while_it_is_paused_goes_on_at_resume(
    start: Start, made: Made, server: Socket
) -> None:
    _, front = keeper(start, address(server), "--name", "pausing")
    peer = made(zmq.DEALER, connect=front, routing_id=b"patient")
    peer.send(b"1")
    assert server.recv_multipart() == [b"patient", b"1"]
    assert start("ctl", "pausing", "pause").wait() == 0
    peer.send(b"2")
    server.send_multipart([b"patient", b"3"])
    assert not server.poll(300)
    assert not peer.poll(0)
    assert start("ctl", "pausing", "resume").wait() == 0
    assert server.recv_multipart() == [b"patient", b"2"]
    assert peer.recv() == b"3"


def test_one_takes_the_place_of_another(start: Start, made: Made, server: Socket) -> None:
    first, front = keeper(start, address(server), "--name", "keeper")
    peer = made(zmq.DEALER, connect=front, routing_id=b"stays", reconnect_ivl=20)
    peer.send(b"1")
    assert server.recv_multipart() == [b"stays", b"1"]
    second = start(
        *("queue", "--keep-ids", "--replace", "keeper", "--frontend-bind", front),
        *("--backend-connect", address(server), "--stats", "off"),
        ready=True,
    )
    second.ready()
    assert first.wait() == 0
    peer.send(b"2")
    assert server.recv_multipart() == [b"stays", b"2"]
    server.send_multipart([b"stays", b"3"])
    assert peer.recv() == b"3"


def test_a_capture_shows_both_ways_under_the_ids(
    start: Start, made: Made, server: Socket, half: dict[str, str], tmp_path: Path
) -> None:
    place = f"ipc://{tmp_path}/capture"
    _, front = keeper(start, address(server), "--capture", place, env=half)
    copies = made(zmq.SUB, connect=place)
    copies.subscribe(b"")
    peer = made(zmq.DEALER, connect=front, routing_id=b"seen")

    def first() -> bool:
        peer.send(b"knock")
        server.recv_multipart()
        return bool(copies.poll(20))

    until(first, "the capture has its subscriber")
    while copies.poll(0):
        assert copies.recv_multipart() == [b"seen", b"knock"]
    server.send_multipart([b"seen", b"answer"])
    assert peer.recv() == b"answer"
    assert copies.recv_multipart() == [b"seen", b"answer"]


def test_an_address_is_exchanged_for_another(start: Start, made: Made, server: Socket) -> None:
    _, front = keeper(start, address(server), "--name", "moving")
    peer = made(zmq.DEALER, connect=front, routing_id=b"moved")
    peer.send(b"1")
    assert server.recv_multipart() == [b"moved", b"1"]
    other = made(zmq.ROUTER, bind=FREE)
    second = start("ctl", "moving", "connect", "backend", address(other))
    assert second.wait() == 1
    assert "there is one server" in second.err
    assert start("ctl", "moving", "disconnect", "backend", address(server)).wait() == 0
    assert start("ctl", "moving", "connect", "backend", address(other)).wait() == 0
    peer.send(b"2")
    assert other.recv_multipart() == [b"moved", b"2"]
    other.send_multipart([b"moved", b"3"])
    assert peer.recv() == b"3"


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
def test_peers_that_come_and_go_leave_nothing(start: Start, made: Made, server: Socket) -> None:
    device, front = keeper(start, address(server))
    descriptors = Path(f"/proc/{device.process.pid}/fd")

    def visit(number: int) -> None:
        peer = made(zmq.DEALER, connect=front, routing_id=b"peer %d" % number, linger=-1)
        peer.send(b"hello")
        assert server.recv_multipart() == [b"peer %d" % number, b"hello"]
        peer.close()

    visit(0)
    until(lambda: kept(device) == 0, "its line has ended")
    before = len(list(descriptors.iterdir()))
    for number in range(1, 200):
        visit(number)
    until(lambda: kept(device) == 0, "all lines have ended")
    until(lambda: len(list(descriptors.iterdir())) <= before + 3, "their descriptors are closed")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--reliable"], "leave keep-ids out, or reliable"),
        (["--backend-bind", FREE], "--backend-connect ADDRESS"),
        (
            ["--backend-connect", "tcp://127.0.0.1:1", "--backend-connect", "tcp://127.0.0.1:2"],
            "one",
        ),
        (["--frontend-type", "DEALER"], "needs a ROUTER frontend"),
        (["--drop", "x*"], "one server"),
        (["--set", "backend.routing_id=x"], "leave routing_id out"),
    ],
)
def test_what_does_not_go_with_it_is_refused(start: Start, words: list[str], said: str) -> None:
    device = start("queue", "--keep-ids", *words)
    assert device.wait() == 2
    assert said in device.err
    assert "Traceback" not in device.err
