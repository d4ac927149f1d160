"""The paths of the page: `/`, `/page.js`, `/state` once, and `/events` as a stream."""

from __future__ import annotations

import secrets
from functools import cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import SplitResult, parse_qs

from zmqdev.report.page.access import is_loopback, refusal
from zmqdev.report.page.broadcast import MOST, Broadcast

HERE = Path(__file__).parent
FILES = {"/": ("page.html", "text/html"), "/page.js": ("page.js", "text/javascript")}
# Nothing is loaded from other servers, and no other page may frame this one.
POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


class Page:
    """The page of one server. `host` is where it listens; empty or "*" means every interface."""

    def __init__(self, host: str, broadcast: Broadcast) -> None:
        self.host, self.broadcast = host, broadcast
        self.token = None if is_loopback(host) else secrets.token_urlsafe(16)

    @property
    def query(self) -> str:
        """Return the query that the address of the page needs."""
        return f"?token={self.token}" if self.token else ""

    def serves(self, path: str) -> bool:
        """Whether a path belongs to the page."""
        return path in FILES or path in ("/state", "/events")

    def answer(self, request: BaseHTTPRequestHandler, asked: SplitResult) -> None:
        """Answer a request for one of the paths that it `serves`."""
        headers = dict(request.headers.items())
        why_not = refusal(self.host, self.token, headers, parse_qs(asked.query))
        if asked.path == "/page.js":  # it holds no data, and pages load it without a token
            why_not = None
        if why_not:
            _send(request, 403, "text/plain", f"{why_not}\n".encode())
        elif asked.path == "/events":
            self._events(request)
        elif asked.path == "/state":
            _send(request, 200, "application/json", self.broadcast.text.encode())
        else:
            name, kind = FILES[asked.path]
            _send(request, 200, kind, _file(name))

    def _events(self, request: BaseHTTPRequestHandler) -> None:
        if not self.broadcast.enter():
            _send(request, 503, "text/plain", f"{MOST} look already; close one\n".encode())
            return
        try:
            _head(request, 200, "text/event-stream")
            request.end_headers()
            newest = self.broadcast.next_after(-1)
            while newest is not None:
                request.wfile.write(f"data: {newest[1]}\n\n".encode())
                newest = self.broadcast.next_after(newest[0])
        finally:
            self.broadcast.leave()


@cache
def _file(name: str) -> bytes:
    return (HERE / name).read_bytes()


def _head(request: BaseHTTPRequestHandler, status: int, kind: str) -> None:
    request.send_response(status)
    request.send_header("Content-Type", f"{kind}; charset=utf-8")
    request.send_header("Content-Security-Policy", POLICY)
    request.send_header("Referrer-Policy", "no-referrer")
    request.send_header("X-Content-Type-Options", "nosniff")
    request.send_header("Cache-Control", "no-store")


def _send(request: BaseHTTPRequestHandler, status: int, kind: str, body: bytes) -> None:
    _head(request, status, kind)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)
