"""Workers as other people write them: one thread, one socket, from the RFCs' own words.

Nothing of zmqdev is used here, so that a mistake in it cannot hide itself. Each
replies `<request> by <name>`.

    python peers.py PROTOCOL ADDRESS NAME [--service S] [--identity ID] [--heartbeat SECONDS]
"""

from __future__ import annotations

import argparse
import time

import zmq

LIVENESS = 3


class Majordomo:
    """RFC 7: every frame list begins with an empty frame and the header."""

    lead = (b"", b"MDPW01")
    ready, request, final, heartbeat, disconnect = (bytes([n]) for n in (1, 2, 3, 4, 5))

    def hello(self, service: bytes) -> list[bytes]:
        return [*self.lead, self.ready, service]

    def pulse(self) -> list[bytes]:
        return [*self.lead, self.heartbeat]

    def read(self, frames: list[bytes]) -> tuple[str, list[bytes]]:
        """(what it is, the rest); AssertionError when the broker says nonsense."""
        at = len(self.lead)
        assert tuple(frames[:at]) == self.lead, frames
        names = {self.request: "request", self.heartbeat: "heartbeat", self.disconnect: "end"}
        return names[frames[at]], frames[at + 1 :]

    def answer(self, address: list[bytes], body: list[bytes]) -> list[bytes]:
        return [*self.lead, self.final, *address, *body]


class Majordomo2(Majordomo):
    """RFC 18: no empty frame in front, and replies may come in parts."""

    lead = (b"MDPW02",)
    final, heartbeat, disconnect = (bytes([n]) for n in (4, 5, 6))


class Majortomo(Majordomo2):
    """The form of RFC 18 that the PyPI package majortomo speaks: with the empty frame."""

    lead = (b"", b"MDPW02")


class Pirate(Majordomo):
    """RFC 6: two commands of one byte, and everything else is a request."""

    def hello(self, service: bytes) -> list[bytes]:
        return [b"\x01"]

    def pulse(self) -> list[bytes]:
        return [b"\x02"]

    def read(self, frames: list[bytes]) -> tuple[str, list[bytes]]:
        if len(frames) == 1:
            assert frames == [b"\x02"], frames
            return "heartbeat", []
        return "request", frames

    def answer(self, address: list[bytes], body: list[bytes]) -> list[bytes]:
        return [*address, *body]


class CppMajordomo(Majordomo):
    """The Guide's C++: what it calls an address is a C string, which ends at a NUL."""

    def answer(self, address: list[bytes], body: list[bytes]) -> list[bytes]:
        return super().answer([address[0].split(b"\0")[0], b""], body)


class PhpMajordomo(Majordomo):
    """The Guide's PHP: the reply is wrapped in the address with no empty frame after it."""

    def answer(self, address: list[bytes], body: list[bytes]) -> list[bytes]:
        return super().answer(address[:1], body)


class TextPirate(Pirate):
    """The Guide's C++, PHP, Lua, Tcl: the two commands are words."""

    def hello(self, service: bytes) -> list[bytes]:
        return [b"READY"]

    def pulse(self) -> list[bytes]:
        return [b"HEARTBEAT"]

    def read(self, frames: list[bytes]) -> tuple[str, list[bytes]]:
        if frames == [b"HEARTBEAT"]:
            return "heartbeat", []
        assert len(frames) == 3, frames
        return "request", frames


PROTOCOLS = {
    "mdp-0.1": Majordomo,
    "mdp-0.1-c++": CppMajordomo,
    "mdp-0.1-php": PhpMajordomo,
    "ppp-text": TextPirate,
    "mdp-0.2": Majordomo2,
    "majortomo": Majortomo,
    "ppp": Pirate,
}


class Worker:
    """The loop of the Guide's worker: poll, answer, count down the broker's lives."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.protocol = PROTOCOLS[options.protocol]()
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.connect()

    def connect(self) -> None:
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        if self.options.identity:
            self.socket.set(zmq.ROUTING_ID, self.options.identity.encode())
        self.socket.connect(self.options.address)
        self.socket.send_multipart(self.protocol.hello(self.options.service.encode()))
        self.lives = LIVENESS
        self.next_pulse = time.monotonic() + self.options.heartbeat

    def again(self) -> None:
        self.socket.close()
        self.connect()

    def run(self) -> None:
        while True:
            if self.socket.poll(self.options.heartbeat * 1000):
                self.take(self.socket.recv_multipart())
            else:
                self.lives -= 1
                if not self.lives:
                    self.again()
            if time.monotonic() >= self.next_pulse:
                self.socket.send_multipart(self.protocol.pulse())
                self.next_pulse = time.monotonic() + self.options.heartbeat

    def take(self, frames: list[bytes]) -> None:
        self.lives = LIVENESS
        what, rest = self.protocol.read(frames)
        if what == "request":
            assert rest[1] == b"", rest
            reply = rest[2] + b" by " + self.options.name.encode()
            self.socket.send_multipart(self.protocol.answer(rest[:2], [reply]))
        elif what == "end":
            self.again()


PLAIN = {"rep": zmq.REP, "dealer": zmq.DEALER}


class Ordinary:
    """A REP or DEALER worker that knows no protocol."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self.context.socket(PLAIN[options.protocol])
        self.socket.linger = 0
        self.socket.connect(options.address)

    def run(self) -> None:
        while True:
            *envelope, body = self.socket.recv_multipart()
            reply = body + b" by " + self.options.name.encode()
            self.socket.send_multipart([*envelope, reply])


class Requester:
    """A REQ worker: its request says that it is ready, the reply is the work (the Guide's
    load-balancing and simple pirate workers)."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self.context.socket(zmq.REQ)
        self.socket.linger = 0
        self.socket.connect(options.address)
        self.socket.send(b"READY" if options.protocol == "req" else b"\x01")

    def run(self) -> None:
        while True:
            address, empty, body = self.socket.recv_multipart()
            assert empty == b""
            reply = body + b" by " + self.options.name.encode()
            self.socket.send_multipart([address, empty, reply])


Any = Worker | Ordinary | Requester


def made(options: argparse.Namespace) -> Any:
    if options.protocol in PLAIN:
        return Ordinary(options)
    return Requester(options) if options.protocol.startswith("req") else Worker(options)


class Stoppable:
    """A worker for a thread: its context ends under it."""

    def __init__(self, protocol: str, address: str, name: str, service: str) -> None:
        words = [protocol, address, name, "--service", service]
        self.worker = made(parser().parse_args(words))

    def run(self) -> None:
        try:
            self.worker.run()
        except zmq.ContextTerminated:
            self.worker.socket.close()

    def stop(self) -> None:
        self.worker.context.term()


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("protocol")
    parser.add_argument("address")
    parser.add_argument("name")
    parser.add_argument("--service", default="default")
    parser.add_argument("--identity", default="")
    parser.add_argument("--heartbeat", type=float, default=0.5)
    return parser


def main() -> None:
    made(parser().parse_args()).run()


if __name__ == "__main__":
    main()
