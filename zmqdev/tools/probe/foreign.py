"""Other protocols, recognised by the first bytes of their server.

Some servers speak first (SSH, SMTP, MySQL); some answer garbage with an error of their
protocol (HTTP, TLS, Redis); the rest stay silent or hang up.
"""

from __future__ import annotations

import re

# Makes a server answer that waits for a line or a request.
NUDGE = b"\r\n\r\n"

# The first match wins; each pattern has at least three bytes.
SIGNS: tuple[tuple[str, re.Pattern[bytes]], ...] = tuple(
    (name, re.compile(pattern, re.DOTALL))
    for name, pattern in (
        ("an SSH server", rb"SSH-\d"),
        ("an HTTP server", rb"HTTP/\d|<!DOCTYPE HTML|<html"),
        ("an HTTP/2 server", rb"\x00\x00.\x04\x00\x00\x00\x00\x00"),
        ("a TLS server", rb"[\x14-\x17]\x03[\x00-\x04]"),
        ("a Redis server", rb"-(ERR|NOAUTH|DENIED|WRONGTYPE) "),
        ("a NATS server", rb"INFO \{"),
        ("an IMAP server", rb"\* (OK|BYE|PREAUTH)"),
        ("a POP3 server", rb"\+OK "),
        ("an SMTP server", rb"220[ -].*SMTP"),
        ("an FTP or SMTP server", rb"220[ -]"),
        ("an NNTP server", rb"20[01] .*NNTP"),
        ("a VNC server", rb"RFB \d{3}\."),
        ("an AMQP broker", rb"AMQP"),
        ("a MySQL server", rb".{3}\x00(\n\d|\xff..Host)"),
        ("a PostgreSQL server", rb"E\x00\x00.{2,}S(FATAL|ERROR)|EFATAL"),
        ("a memcached server", rb"ERROR\r\n"),
        ("a telnet server", rb"\xff[\xfb-\xfe]"),
        ("an nng or nanomsg socket", rb"\x00SP\x00"),
    )
)
SHOWN = 40


def recognise(data: bytes) -> str | None:
    """Return what the server is by its first bytes, or None."""
    for name, sign in SIGNS:
        if sign.match(data):
            return name
    return None


def excerpt(data: bytes) -> str:
    """Return the first bytes without control characters, which could steer a terminal."""
    text = data[:SHOWN].decode("ascii", "backslashreplace")
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return shown + ("..." if len(data) > SHOWN else "")
