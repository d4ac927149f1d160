"""The probe on real sockets: tells what listens there apart, and disturbs nobody."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import zmq

from zmqdev.options.socktype import PEERS
from zmqdev.tools.probe.machine import BYSTANDER, Kind
from zmqdev.tools.probe.probe import ProbeReport, probe, until_up

Context = zmq.Context[Any]
TYPES = sorted(PEERS)


@pytest.fixture
def context() -> Iterator[Context]:
    made: Context = zmq.Context()
    yield made
    made.destroy(0)


def listening(context: Context, socket_type: str, address: str = "tcp://127.0.0.1:*") -> Any:
    made = context.socket(getattr(zmq, socket_type))
    made.bind(address)
    return made


@contextmanager
def serving(talk: Any) -> Iterator[str]:
    """A plain server on a free port that does `talk` with one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                talk(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(60)


def look(endpoint: str, timeout: float = 2.0) -> ProbeReport:
    return probe(endpoint, timeout=timeout)


@pytest.mark.parametrize("socket_type", TYPES)
def test_every_socket_type_is_told(context: Context, socket_type: str) -> None:
    peer = listening(context, socket_type)
    report = look(peer.last_endpoint.decode())
    assert report.finding is not None
    assert (report.finding.version, report.finding.mechanism) == ("3.1", "NULL")
    assert report.finding.socket_type == socket_type
    assert report.peers == sorted(PEERS[socket_type])
    assert (report.finding.round_trip is not None) == (socket_type in BYSTANDER)
    assert all(report.endpoint in line for line in report.commands)


def test_a_routing_id_is_told(context: Context) -> None:
    peer = context.socket(zmq.ROUTER)
    peer.routing_id = b"broker-1"
    peer.bind("tcp://127.0.0.1:*")
    finding = look(peer.last_endpoint.decode()).finding
    assert finding is not None
    assert finding.routing_id == b"broker-1"


def test_a_curve_server_is_told(context: Context) -> None:
    peer = context.socket(zmq.PULL)
    peer.curve_server = True
    peer.curve_publickey, peer.curve_secretkey = zmq.curve_keypair()
    peer.bind("tcp://127.0.0.1:*")
    finding = look(peer.last_endpoint.decode()).finding
    assert finding is not None
    assert (finding.mechanism, finding.socket_type) == ("CURVE", None)


def test_a_plain_server_is_told(context: Context) -> None:
    peer = context.socket(zmq.PULL)
    peer.plain_server = True
    peer.bind("tcp://127.0.0.1:*")
    finding = look(peer.last_endpoint.decode()).finding
    assert finding is not None
    assert finding.mechanism == "PLAIN"


def test_ipc_is_probed_too(context: Context, tmp_path: Path) -> None:
    peer = listening(context, "XPUB", f"ipc://{tmp_path}/s")
    report = look(peer.last_endpoint.decode())
    assert report.reached == f"{tmp_path}/s"
    assert report.peers == ["SUB", "XSUB"]


def test_an_abstract_ipc_name_is_probed_too(context: Context, tmp_path: Path) -> None:
    peer = listening(context, "PULL", f"ipc://@{tmp_path}")
    assert look(peer.last_endpoint.decode()).peers == ["PUSH"]


def test_an_http_server_is_told() -> None:
    class Quiet(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Nothing on the test's output."""

    server = HTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.handle_request, daemon=True)
    thread.start()
    finding = look(f"tcp://127.0.0.1:{server.server_port}", 1.0).finding
    thread.join(60)
    server.server_close()
    assert finding is not None
    assert (finding.kind, finding.looks_like) == (Kind.FOREIGN, "an HTTP server")


def test_an_ssh_server_is_told() -> None:
    with serving(lambda peer: peer.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")) as endpoint:
        finding = look(endpoint).finding
    assert finding is not None
    assert finding.looks_like == "an SSH server"


def test_a_silent_port_is_told() -> None:
    with serving(lambda peer: [None for _ in iter(lambda: peer.recv(100), b"")]) as endpoint:
        finding = look(endpoint, 0.2).finding
    assert finding is not None
    assert finding.kind is Kind.SILENT


def test_a_port_that_hangs_up_is_told() -> None:
    with serving(lambda peer: None) as endpoint:
        finding = look(endpoint).finding
    assert finding is not None
    assert finding.kind is Kind.CLOSED


def test_a_closed_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    report = look(f"tcp://127.0.0.1:{port}")
    assert report.finding is None
    assert "refused" in report.trouble
    assert report.peers == report.commands == []


def test_an_ipc_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "no such file" in look(f"ipc://{tmp_path}/gone").trouble


def test_an_unknown_host_is_told() -> None:
    assert "cannot be found" in look("tcp://no-such-host.invalid:5555").trouble


@pytest.mark.parametrize("endpoint", ["inproc://x", "tcp://*:5555", "hello", "tcp://h:99999"])
def test_what_cannot_be_probed_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match=endpoint.replace("*", r"\*")):
        probe(endpoint)


def test_no_message_is_lost_to_a_probe(context: Context) -> None:
    """A PUSH gives its messages in turn to whoever joins: the probe must not."""
    push = listening(context, "PUSH")
    pull = context.socket(zmq.PULL)
    pull.connect(push.last_endpoint)
    push.send(b"first")
    assert pull.recv() == b"first"
    for number in range(10):
        look(push.last_endpoint.decode())
        push.send(b"%d" % number)
    assert [pull.recv() for _ in range(10)] == [b"%d" % number for number in range(10)]


def test_a_request_is_not_taken_by_a_probe(context: Context) -> None:
    dealer = listening(context, "DEALER")
    worker = context.socket(zmq.REP)
    worker.connect(dealer.last_endpoint)
    for number in range(5):
        look(dealer.last_endpoint.decode())
        dealer.send_multipart([b"", b"%d" % number])
        assert worker.recv() == b"%d" % number
        worker.send(b"done")
        assert dealer.recv_multipart() == [b"", b"done"]


def test_a_router_that_must_reach_its_peers_is_not_disturbed(context: Context) -> None:
    router = listening(context, "ROUTER")
    router.router_mandatory = 1
    client = context.socket(zmq.REQ)
    client.connect(router.last_endpoint)
    for _ in range(5):
        look(router.last_endpoint.decode())
        client.send(b"ask")
        router.send_multipart(router.recv_multipart())
        assert client.recv() == b"ask"


def test_it_waits_until_a_socket_answers(context: zmq.Context[Any]) -> None:
    def look() -> ProbeReport:
        """Nobody, then the socket that has come meanwhile."""
        if not sockets:
            sockets.append(context.socket(zmq.REP))
            return ProbeReport("tcp://127.0.0.1:1", trouble="connection refused")
        port = sockets[0].bind_to_random_port("tcp://127.0.0.1")
        return probe(f"tcp://127.0.0.1:{port}")

    sockets: list[zmq.Socket[bytes]] = []
    assert until_up(look, 30.0).is_zmtp


def test_it_waits_no_longer_than_it_was_told() -> None:
    nobody = ProbeReport("tcp://127.0.0.1:1", trouble="connection refused")
    assert until_up(lambda: nobody, 0.01) is nobody
