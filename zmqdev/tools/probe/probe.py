"""`zmqdev probe`: one plain connection, without libzmq, that drives the machine."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zmqdev.options import address
from zmqdev.tools.probe import compat
from zmqdev.tools.probe.machine import DEFAULT_TIMEOUT, Kind, Probe, ProbeFinding

CHUNK = 4096
# Seconds between two tries: a server is found soon, and its start is not slowed down.
PAUSE = 0.1


@dataclass(frozen=True)
class ProbeReport:
    """What listens at an address; `finding` is None when it could not be reached.

    `connect_time` is the time of the connection itself in seconds: one network round
    trip.
    """

    endpoint: str
    reached: str | None = None
    connect_time: float | None = None
    finding: ProbeFinding | None = None
    trouble: str = ""

    @property
    def is_zmtp(self) -> bool:
        """Whether it is a ZeroMQ socket."""
        return self.finding is not None and self.finding.kind is Kind.ZMTP

    @property
    def peers(self) -> list[str]:
        """Return the socket types that could talk to it."""
        return compat.peers(self._type)

    @property
    def commands(self) -> list[str]:
        """Return zmqdev command lines that could talk to it."""
        return compat.commands(self._type, self.endpoint)

    @property
    def _type(self) -> str:
        return (self.finding.socket_type or "") if self.finding else ""

    def why_not(self, socket_type: str, mechanism: str) -> str | None:
        """Return why a socket of this type and mechanism could not talk to it, or None."""
        found = self.finding
        if found is None or not self.is_zmtp:
            return self.trouble or "it is no ZeroMQ socket"
        return compat.mismatch(socket_type, mechanism, found.socket_type, found.mechanism)

    def rows(self) -> list[tuple[str, str]]:
        """Return the report as (word, text) pairs."""
        found = self.finding
        if found is None:
            return [("address", self.endpoint), ("trouble", self.trouble)]
        told = [
            ("address", f"{self.endpoint} ({self.reached})"),
            ("speaks", _speaks(found)),
            ("socket", found.socket_type),
            ("routing id", _quoted(found.routing_id)),
            ("connect", _milliseconds(self.connect_time)),
            ("greeting", _milliseconds(found.greeting_time)),
            ("ping", _milliseconds(found.round_trip)),
            ("note", found.note),
            ("talks to", ", ".join(self.peers)),
            *(("try", line) for line in self.commands),
        ]
        return [(word, text) for word, text in told if text]

    def plain(self) -> dict[str, Any]:
        """Return the report as plain values for JSON: times in seconds, the routing id in hex."""
        found = self.finding
        shown: dict[str, Any] = {
            "address": self.endpoint,
            "reached": self.reached,
            "trouble": self.trouble,
            "connect_s": self.connect_time,
        }
        if found is not None:
            shown |= {
                "kind": found.kind.value,
                "version": found.version,
                "mechanism": found.mechanism,
                "socket_type": found.socket_type,
                "routing_id": found.routing_id.hex() if found.routing_id else None,
                "greeting_s": found.greeting_time,
                "ping_s": found.round_trip,
                "looks_like": found.looks_like,
                "note": found.note,
            }
        return shown | {"peers": self.peers, "commands": self.commands}


def _speaks(found: ProbeFinding) -> str:
    if found.kind is Kind.ZMTP:
        return f"ZMTP {found.version}, {found.mechanism}"
    return found.looks_like or {Kind.SILENT: "nothing", Kind.CLOSED: "nothing"}.get(
        found.kind, "an unknown protocol"
    )


def _quoted(routing_id: bytes | None) -> str:
    """Return the routing id as text if it is printable ASCII, else as hex."""
    if not routing_id:
        return ""
    text = routing_id.decode("ascii", "replace")
    return text if text.isprintable() and text.isascii() else f"0x{routing_id.hex()}"


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.2f} ms"


def probe(endpoint: str, *, timeout: float = DEFAULT_TIMEOUT, join: bool = True) -> ProbeReport:
    """Probe an address. Raises ValueError for one that cannot be probed.

    `timeout` (seconds) applies to connecting and again to the conversation. `join`
    allows the last step, a PING, where it is harmless.
    """
    endpoint = address.in_full(endpoint)
    parts = address.split(endpoint, "connect")
    if parts.transport not in ("tcp", "ipc"):
        raise ValueError(f"{endpoint!r}: only tcp and ipc can be probed from outside")
    started = time.monotonic()
    try:
        connection = _connect(parts, timeout)
    except OSError as error:
        return ProbeReport(endpoint, trouble=_trouble(error))
    with connection:
        reached = _name(connection, parts)
        took = time.monotonic() - started
        finding = _talk(connection, timeout, join)
        return ProbeReport(endpoint, reached, took, finding)


def until_up(look: Callable[[], ProbeReport], seconds: float) -> ProbeReport:
    """Probe until a ZeroMQ socket answers or the time is over; return the last report."""
    end = time.monotonic() + seconds
    while True:
        report = look()
        left = end - time.monotonic()
        if report.is_zmtp or left <= 0:
            return report
        time.sleep(min(PAUSE, left))


def _connect(parts: address.Parts, timeout: float) -> socket.socket:
    if parts.transport == "tcp":
        return socket.create_connection((parts.host, int(parts.port)), timeout)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    try:
        # An abstract name begins with `@` in libzmq and with NUL in the system call.
        path = "\0" + parts.path[1:] if parts.path.startswith("@") else parts.path
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection


def _name(connection: socket.socket, parts: address.Parts) -> str:
    if parts.transport == "ipc":
        return parts.path
    host, port = connection.getpeername()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _talk(connection: socket.socket, timeout: float, join: bool) -> ProbeFinding:
    connection.setblocking(False)
    machine = Probe(time.monotonic(), timeout=timeout, join=join)
    pending = b""
    while machine.finding is None:
        pending += machine.bytes_to_send()
        wait = max(0.0, machine.deadline() - time.monotonic())
        readable, writable, _ = select.select(
            [connection], [connection] if pending else [], [], wait
        )
        try:
            if writable:
                pending = pending[connection.send(pending) :]
            if readable:
                _receive(machine, connection.recv(CHUNK))
        except BlockingIOError:
            continue
        except OSError:
            # A reset means the same as an end: the server does not want to talk to us.
            machine.closed(time.monotonic())
        machine.tick(time.monotonic())
    return machine.finding


def _receive(machine: Probe, data: bytes) -> None:
    if data:
        machine.receive(data, time.monotonic())
    else:
        machine.closed(time.monotonic())


def _trouble(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time: a firewall may drop the packets"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: nothing listens there"
    if isinstance(error, socket.gaierror):
        return f"the host cannot be found: {error.strerror}".lower()
    return os.strerror(error.errno).lower() if error.errno else str(error)
