"""`--capture`: the copies are those of pyzmq's monitored_queue, frame by frame."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import Start, until
from support.shown import shown
from zmq.devices import ThreadMonitoredQueue

Context = zmq.Context[zmq.Socket[bytes]]
Socket = zmq.Socket[bytes]
FREE = "tcp://127.0.0.1:*"
PATIENCE = 30_000
# A device, the types of its sides, and those of the peers that it has here.
CASES = {
    "queue": ("queue", "ROUTER", "DEALER", zmq.DEALER, zmq.DEALER),
    "routers": ("queue", "ROUTER", "ROUTER", zmq.DEALER, zmq.DEALER),
    "streamer": ("streamer", "PULL", "PUSH", zmq.PUSH, zmq.PULL),
    "forwarder": ("forwarder", "XSUB", "XPUB", zmq.XPUB, zmq.SUB),
}


class Scene:
    """Peers at both sides, and a SUB that binds and gets the copies."""

    def __init__(self, context: Context, case: str, front: str, back: str, copies: Socket) -> None:
        _, _, _, in_type, out_type = CASES[case]
        self.case, self.copies = case, copies
        self.ins, self.outs = context.socket(in_type), context.socket(out_type)
        for socket, name, address in ((self.ins, b"front", front), (self.outs, b"back", back)):
            socket.rcvtimeo = socket.sndtimeo = PATIENCE
            if socket.type == zmq.DEALER:
                socket.routing_id = name
            socket.connect(address)

    def send(self, body: bytes) -> None:
        routed = [b"back"] if self.case == "routers" else []
        self.ins.send_multipart([*routed, body, b"", b"more"])

    def begin(self) -> None:
        """Everybody is connected once copies come; what came until then is let go."""
        if self.case == "forwarder":
            self.outs.subscribe(b"a")
            assert self.ins.recv() == b"\x01a"
        elif self.case == "routers":
            self.outs.send_multipart([b"front", b"here"])

        def first() -> bool:
            self.send(b"a knock")
            return bool(self.copies.poll(50))

        until(first, "a copy has come")
        for socket in (self.outs, self.ins, self.copies):
            while socket.poll(150):
                socket.recv_multipart()

    def copy(self) -> list[bytes]:
        return self.copies.recv_multipart()

    def play(self) -> list[list[bytes]]:
        """The same for every device: the copies of what is said here."""
        self.begin()
        found = []
        for number in range(3):
            self.send(b"a%d" % number)
            came = self.outs.recv_multipart()
            found.append(self.copy())
            if self.case in ("queue", "routers"):
                self.outs.send_multipart([*came[:1], b"reply", b"x"])
                assert self.ins.recv_multipart()[-2:] == [b"reply", b"x"]
                found.append(self.copy())
        if self.case == "forwarder":
            for change in (self.outs.subscribe, self.outs.unsubscribe):
                change(b"topic")
                assert self.ins.recv()[1:] == b"topic"
                found.append(self.copy())
        return found


@pytest.fixture
def copies(context: Context) -> Socket:
    made = context.socket(zmq.SUB)
    made.rcvtimeo = PATIENCE
    made.subscribe(b"")
    made.bind(FREE)
    return made


def address(socket: Socket) -> str:
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


def theirs(context: Context, case: str, ports: list[int]) -> list[list[bytes]]:
    """Of pyzmq's own device. It cannot be ended, so it is a daemon in a context of its own."""
    _, front, back, _, _ = CASES[case]
    queue = ThreadMonitoredQueue(
        zmq.SocketType[front], zmq.SocketType[back], zmq.PUB, b"in-frame", b"out-frame"
    )
    # The context of the process, which is not waited for.
    queue.context_factory = lambda: context  # type: ignore[method-assign]
    queue.daemon = True
    queue.bind_in(f"tcp://127.0.0.1:{ports[0]}")
    queue.bind_out(f"tcp://127.0.0.1:{ports[1]}")
    copies = context.socket(zmq.SUB)
    copies.rcvtimeo = PATIENCE
    copies.subscribe(b"")
    copies.bind(FREE)
    queue.connect_mon(address(copies))
    queue.start()
    places = [f"tcp://127.0.0.1:{port}" for port in ports]
    return Scene(context, case, *places, copies).play()


@pytest.mark.parametrize("half", ["native", "python"])
@pytest.mark.parametrize("case", CASES)
def test_the_copies_are_those_of_monitored_queue(
    start: Start,
    context: Context,
    copies: Socket,
    free_ports: Callable[[int], list[int]],
    case: str,
    half: str,
) -> None:
    kind, front, back, _, _ = CASES[case]
    device = start(
        *(kind, "--frontend-type", front, "--backend-type", back),
        *("--frontend-bind", FREE, "--backend-bind", FREE, "--stats", "off"),
        *("--capture-connect", address(copies), "--capture-prefix", "in-frame,out-frame"),
        ready=True,
        env={"ZMQDEV_RELAY": half},
    )
    at = device.ready()
    ours = Scene(context, case, at["frontend"][0], at["backend"][0], copies).play()
    foreign: Context = zmq.Context()
    try:
        assert ours == theirs(foreign, case, free_ports(2))
    finally:
        foreign.destroy(linger=0)
    assert {copy[0] for copy in ours} <= {b"in-frame", b"out-frame"}


def test_without_a_prefix_a_copy_is_the_message_and_of_a_forwarder_its_subscriptions(
    start: Start, context: Context, copies: Socket
) -> None:
    device = start(
        *("forwarder", "--frontend-bind", FREE, "--backend-bind", FREE, "--stats", "off"),
        *("--capture-connect", address(copies)),
        ready=True,
    )
    at = device.ready()
    found = Scene(context, "forwarder", at["frontend"][0], at["backend"][0], copies).play()
    assert found == [
        *([b"a%d" % number, b"", b"more"] for number in range(3)),
        [b"\x01topic"],
        [b"\x00topic"],
    ]


@pytest.mark.parametrize("words", [(), ("--reliable",)])
def test_where_the_copies_are_is_told_everywhere(start: Start, words: tuple[str, ...]) -> None:
    device = start(
        *("queue", *words, "--name", "told", "--frontend-bind", FREE, "--backend-bind", FREE),
        *("--capture", FREE, "--stats", "json", "--interval", "50ms"),
        ready=True,
    )
    [place] = device.ready()["capture"]
    assert not place.endswith("*")
    until(lambda: shown(device).get("capture_address") == place, "it is in the JSON lines")
    assert f"told capture: bind {place}" in device.err
    for extra in ((), ("--json",)):
        told = start("ctl", "told", "status", *extra)
        assert told.wait() == 0
        assert place in told.out.decode()
    status = start("ctl", "told", "status", "--json")
    status.wait()
    found: dict[str, Any] = json.loads(status.out)
    assert place in json.dumps(found)


def test_two_routers_pass_what_is_inside_at_the_end(start: Start, context: Context) -> None:
    device = start(
        *("queue", "--backend-type", "ROUTER", "--frontend-bind", FREE, "--backend-bind", FREE),
        *("--stats", "json", "--interval", "50ms", "--drain", "20s"),
        ready=True,
    )
    at = device.ready()
    one, other = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    for socket, name, side in ((one, b"one", "frontend"), (other, b"other", "backend")):
        socket.rcvtimeo = PATIENCE
        socket.routing_id = name
        socket.connect(at[side][0])
    other.send_multipart([b"one", b"here"])  # dropped where the other is not there yet

    def answered() -> bool:
        one.send_multipart([b"other", b"question"])
        return bool(other.poll(50))

    until(answered, "both are there")
    assert other.recv_multipart() == [b"one", b"question"]
    other.send_multipart([b"one", b"answer"])
    until(lambda: one.recv_multipart() == [b"other", b"answer"], "it has come")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--capture-prefix", "in,out"], "there is no capture"),
        (["--capture", FREE, "--capture-prefix", "in"], "two words like in,out"),
        (["--capture", FREE, "--capture-prefix", ",out"], "1 to 255 bytes"),
        (["--backend-type", "ROUTER", "--drop", "x*"], "each message names its receiver"),
    ],
)
def test_what_makes_no_capture_is_refused(start: Start, words: list[str], said: str) -> None:
    device = start("queue", *words)
    assert device.wait() == 2
    assert said in device.err


def test_a_capture_in_a_file(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "queue.yaml"
    file.write_text(
        "device: queue\n"
        'frontend: {bind: "tcp://127.0.0.1:*"}\n'
        'backend: {bind: "tcp://127.0.0.1:*"}\n'
        'capture: "tcp://127.0.0.1:*"\n'
        "capture-prefix: in\\x00,out\n"
    )
    printed = start("queue", "--config", str(file), "--print-config")
    assert printed.wait() == 0
    again = tmp_path / "again.yaml"
    again.write_bytes(printed.out)
    assert "capture-prefix" in printed.out.decode()
    assert start("check", str(again)).wait() == 0
