"""ZeroMQ addresses, parsed and checked before libzmq sees them.

libzmq accepts some wrong addresses silently (`tcp://*:99999` binds port 34463) and
refuses others with only `Invalid argument`; see zmq_tcp(7), zmq_ipc(7), zmq_inproc(7),
zmq_tipc(7).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from zmqdev.options.runtime_place import IPC_LONGEST, candidates

TRANSPORTS = ("tcp", "ipc", "inproc", "tipc")
# Transports that the wheel's libzmq lacks; naming them gives a better message than
# "unknown".
ABSENT = ("ws", "wss", "pgm", "epgm", "norm", "udp", "vmci", "gssapi")
INPROC_LONGEST = 256
# A host and a port, or a port alone. A scheme is not followed by a port.
_SHORT = re.compile(
    r"(?:(?P<host>\*|\[[^\]]*\]|[A-Za-z0-9_.-]+)?:)?(?P<port>\d+|(?<=:)\*)", re.ASCII
)
# Differs from the suffix of control sockets, so that a data socket is not taken for a
# device.
LOCAL_SUFFIX = ".ipc"
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?", re.ASCII)


@dataclass(frozen=True)
class Parts:
    """A parsed address. `host` and `port` belong to tcp, `path` to the other transports."""

    transport: str
    host: str = ""
    port: str = ""
    path: str = ""

    @property
    def ipv6(self) -> bool:
        """Whether the host is an IPv6 address."""
        return ":" in self.host


def check(text: str, verb: str) -> str:
    """Return the full address if it can be bound or connected; ValueError names the fix."""
    whole = in_full(text)
    split(whole, verb)
    return whole


def in_full(text: str) -> str:
    """Complete a short address; return any other text unchanged.

    `5555`, `:5555` and `localhost:5555` are on the loopback, `*:5555` is on every
    interface, `host:5555` elsewhere; `@name` is a socket in this user's runtime
    directory.
    """
    if text.startswith("@"):
        return _local(text)
    found = _SHORT.fullmatch(text)
    if found is None:
        return text
    host = found["host"] or "127.0.0.1"
    return f"tcp://{'127.0.0.1' if host == 'localhost' else host}:{found['port']}"


def _local(text: str) -> str:
    if not _NAME.fullmatch(text[1:]):
        raise ValueError(f"{text!r}: after '@' stands a name of letters, digits, '.', '_', '-'")
    return f"ipc://{candidates()[0] / text[1:]}{LOCAL_SUFFIX}"


def split(text: str, verb: str = "bind") -> Parts:
    """Parse a full address and check it for `verb`; ValueError names the fix."""
    if not text.isascii():
        _check_utf8(text)
    transport, separator, rest = text.partition("://")
    if not separator:
        raise ValueError(f"{text!r} is not an address; write it like tcp://127.0.0.1:5555 or 5555")
    if transport in ABSENT:
        raise ValueError(f"{text!r}: transport {transport!r} is not built in; use tcp or ipc")
    if transport not in TRANSPORTS:
        known = ", ".join(TRANSPORTS)
        raise ValueError(f"{text!r}: unknown transport {transport!r}; known are {known}")
    if "\0" in rest or not rest:
        raise ValueError(f"{text!r} names no {'host and port' if transport == 'tcp' else 'path'}")
    if transport == "tcp":
        return _tcp(text, rest, verb)
    return _path(text, transport, rest)


def _check_utf8(text: str) -> None:
    """Refuse paths that are not UTF-8: libzmq accepts them, but ready files, JSON and
    logs cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{text!r}: the address is not UTF-8 text") from None


def _tcp(text: str, rest: str, verb: str) -> Parts:
    source, _, peer = rest.rpartition(";")
    if source:
        if verb == "bind":
            raise ValueError(f"{text!r}: a source address (before ';') goes with connect only")
        _tcp(text, source, "bind")
    host, separator, port = peer.rpartition(":")
    if separator and not host and port:
        every = f"tcp://*:{port} (every interface) or " if verb == "bind" else ""
        raise ValueError(f"{text!r} has no host; write {every}tcp://127.0.0.1:{port}")
    if not separator or not host or host.endswith(":") or (":" in host and host[0] != "["):
        fix = "write an IPv6 host in brackets" if peer.count(":") > 1 else "add one, like :5555"
        raise ValueError(f"{text!r} has no port; {fix}")
    _check_port(text, port, verb)
    bare = _check_host(text, host, verb)
    return Parts("tcp", host=bare, port=port)


def _check_port(text: str, port: str, verb: str) -> None:
    if port == "*":
        if verb == "connect":
            raise ValueError(f"{text!r}: '*' is for bind; connect needs the port itself")
        return
    if not port.isascii() or not port.isdigit():
        raise ValueError(f"{text!r}: port {port!r} is not a number")
    least = 0 if verb == "bind" else 1
    if not least <= int(port) <= 65535:
        raise ValueError(f"{text!r}: port {port} is out of range; ports are {least} to 65535")


def _check_host(text: str, host: str, verb: str) -> str:
    if host == "*":
        if verb == "connect":
            raise ValueError(f"{text!r}: '*' is for bind; connect needs a host")
        return host
    if host.startswith("["):
        return _check_ipv6(text, host)
    if host == "localhost" and verb == "bind":
        raise ValueError(f"{text!r}: 'localhost' cannot be bound reliably; write 127.0.0.1")
    if re.fullmatch(r"[\d.]+", host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise ValueError(f"{text!r}: {host!r} is not an IPv4 address") from None
    elif not _NAME.fullmatch(host):
        raise ValueError(f"{text!r}: {host!r} is not a host name or address")
    return host


def _check_ipv6(text: str, host: str) -> str:
    if not host.endswith("]"):
        raise ValueError(f"{text!r}: the ']' of the IPv6 address is missing")
    bare = host[1:-1]
    if bare == "*":
        return "::"
    try:
        ipaddress.IPv6Address(bare)
    except ValueError:
        raise ValueError(f"{text!r}: {bare!r} is not an IPv6 address") from None
    return bare


def _path(text: str, transport: str, rest: str) -> Parts:
    size = len(rest.encode(errors="surrogateescape"))
    if transport == "ipc" and size > IPC_LONGEST:
        raise ValueError(f"{text!r}: the path has {size} bytes; the most is {IPC_LONGEST}")
    if transport == "inproc" and size > INPROC_LONGEST:
        raise ValueError(f"{text!r}: the name has {size} bytes; the most is {INPROC_LONGEST}")
    return Parts(transport, path=rest)
