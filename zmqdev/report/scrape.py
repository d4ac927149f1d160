"""The HTTP server of --metrics: /metrics, /healthz, /readyz and the page, in its own threads.

It only reads counters that other threads write, so a scrape cannot hold up the data
path. healthz is 200 while every device responds (or has ended as asked); readyz while
every device is running, that is, not starting, paused or draining.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from zmqdev.device.announce import NOTE
from zmqdev.device.service import Service
from zmqdev.device.watchdog import Pulse
from zmqdev.errors import RunError
from zmqdev.options import address as addresses
from zmqdev.report.metrics import Snapshots
from zmqdev.report.page.broadcast import Broadcast
from zmqdev.report.page.routes import Page
from zmqdev.stats.snapshot import AddressState, Snapshot
from zmqdev.system import address_holder, crash

log = logging.getLogger("zmqdev")
# Seconds for which a client that sends nothing keeps a thread.
PATIENCE = 5.0


@dataclass(frozen=True)
class MetricsSource:
    """What a server shows: metrics, the subjects of the page, and the parts with problems.

    All functions are called in the threads of the server.
    """

    collector: Collector
    subjects: Callable[[], Sequence[Snapshot]]
    sick: Callable[[], Sequence[str]]
    not_ready: Callable[[], Sequence[str]]
    picture: str = ""


class MetricsServer:
    """A server at `place`, HOST:PORT; with port 0 a free one, which is logged."""

    def __init__(self, place: str, source: MetricsSource) -> None:
        registry = CollectorRegistry()
        registry.register(source.collector)
        ProcessCollector(registry=registry)
        self._server = _bound(place)
        self._broadcast = Broadcast(source.subjects, source.picture)
        page = Page(str(self._server.server_address[0]), self._broadcast)
        self._server.serve(registry, source, page)
        self._broadcast.start()
        level = NOTE if page.token else logging.INFO
        log.log(level, "page: http://%s/%s", self.place, page.query)

    @property
    def place(self) -> str:
        """Return the HOST:PORT that is bound."""
        return self._server.place

    @property
    def port(self) -> int:
        """Return the port that is bound."""
        return self._server.server_port

    def close(self) -> None:
        """Stop serving."""
        self._broadcast.stop()
        self._server.shutdown()
        self._server.server_close()


class Metrics:
    """An attachment: the metrics server of one device."""

    def __init__(self, place: str, pulse: Pulse) -> None:
        self.place, self.pulse = place, pulse
        self.serving: MetricsServer | None = None

    def started(self, service: Service) -> None:
        """Serve the metrics of the service's device."""

        def take() -> list[Snapshot]:
            return [service.device.snapshot()]

        source = MetricsSource(
            collector=Snapshots(take),
            subjects=take,
            sick=lambda: _sick(take(), self.pulse),
            not_ready=lambda: _not_running(take()),
        )
        self.serving = MetricsServer(crash.earlier("metrics", self.place), source)
        crash.remember("metrics", self.place, self.serving.place)
        bound = AddressState("bind", self.place, self.serving.place)
        service.device.place_beside("metrics", bound)

    def ended(self, service: Service) -> None:
        """Close the server."""
        if self.serving is not None:
            self.serving.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def serve(self, registry: CollectorRegistry, source: MetricsSource, page: Page) -> None:
        self.registry, self.source, self.page = registry, source, page
        threading.Thread(target=self.serve_forever, name="zmqdev-metrics", daemon=True).start()

    @property
    def place(self) -> str:
        """Return the HOST:PORT that is bound."""
        host = str(self.server_address[0])
        return f"[{host}]:{self.server_port}" if ":" in host else f"{host}:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log at debug level only: a client that goes away is normal."""
        log.debug("metrics: a request from %s failed", client_address, exc_info=True)


class _Server6(_Server):
    address_family = socket.AF_INET6


def _bound(place: str) -> _Server:
    parts = addresses.split(f"tcp://{place}", "bind")
    host = "" if parts.host == "*" else parts.host
    port = 0 if parts.port == "*" else int(parts.port)
    try:
        return (_Server6 if parts.ipv6 else _Server)((host, port), _Handler)
    except OSError as error:
        why = os.strerror(error.errno or 0) if error.errno else str(error)
        if error.errno == errno.EADDRINUSE:
            why += address_holder.holder(f"tcp://{place}")
        raise RunError(f"cannot serve metrics at {place}: {why[:1].lower()}{why[1:]}") from None


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE
    server: _Server

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        if self.server.page.serves(path.path):
            self.server.page.answer(self, path)
        elif path.path == "/metrics":
            self._metrics(parse_qs(path.query).get("name[]", []))
        elif path.path == "/healthz":
            self._verdict(self.server.source.sick())
        elif path.path == "/readyz":
            self._verdict(self.server.source.not_ready())
        else:
            self._send(404, "text/plain", b"/, /metrics, /healthz and /readyz are here\n")

    do_HEAD = do_GET

    def _metrics(self, names: Sequence[str]) -> None:
        encode, content_type = choose_encoder(self.headers.get("Accept", ""))
        registry: Any = self.server.registry
        if names:
            registry = registry.restricted_registry(names)
        self._send(200, content_type, encode(registry))

    def _verdict(self, problems: Sequence[str]) -> None:
        text = "\n".join(problems) or "ok"
        self._send(503 if problems else 200, "text/plain; charset=utf-8", f"{text}\n".encode())

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        return "zmqdev"

    def log_message(self, format: str, *args: Any) -> None:
        log.debug("metrics: %s", format % args)


def _sick(snapshots: Sequence[Snapshot], pulse: Pulse) -> list[str]:
    failed = [f"{s.name}: failed" for s in snapshots if s.state == "failed"]
    return failed + [f"{name}: is not responding" for name in pulse.late()]


def _not_running(snapshots: Sequence[Snapshot]) -> list[str]:
    return [f"{s.name}: {s.state}" for s in snapshots if s.state != "running"]
