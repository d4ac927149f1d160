"""Socket options by their ZeroMQ names: type, range, and zmqdev's defaults.

The names are those of zmq_setsockopt(3) in lower case; `hwm` sets both high-water
marks, as in libzmq 2. They are keys of a side in YAML and can be set with `--set`.
Options that devices and endpoints control themselves (time-outs of calls, manual
subscriptions, security) are not listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zmqdev.options.measures import Milliseconds, Size
from zmqdev.options.socktype import SENDERS, SUBSCRIBERS
from zmqdev.options.types import Flag, Integer, Text, ValueType

Value = int | bytes | bool | str
MEBIBYTE = 2**20


@dataclass(frozen=True)
class SocketOption:
    """A socket option. `types` are the socket types that accept it; empty: all."""

    name: str
    type: ValueType
    help: str
    types: frozenset[str] = frozenset()  # empty: all


def _rows(*rows: tuple[Any, ...]) -> dict[str, SocketOption]:
    made = [SocketOption(row[0], row[1], row[2], frozenset(row[3:])) for row in rows]
    return {row.name: row for row in made}


_COUNT = Integer(0, 2**31 - 1)
_ON = Flag()
_TRISTATE = Integer(-1, 1)

SOCKET_OPTIONS: dict[str, SocketOption] = _rows(
    ("hwm", _COUNT, "high-water mark in both directions, in messages for each peer; 0: no limit"),
    ("sndhwm", _COUNT, "high-water mark for sending, in messages for each peer"),
    ("rcvhwm", _COUNT, "high-water mark for receiving, in messages for each peer"),
    ("linger", Milliseconds(-1), "how long unsent messages are kept after the close"),
    ("maxmsgsize", Size(unlimited=True), "largest frame accepted from a peer; -1: no limit"),
    ("routing_id", Text(any_bytes=True), "routing id that this socket sends to its peers"),
    ("identity", Text(any_bytes=True), "older name of routing_id"),
    ("affinity", Integer(0, 2**64 - 1), "bit mask of the I/O threads for new connections"),
    ("sndbuf", Integer(-1), "kernel send buffer in bytes; -1: the default of the system"),
    ("rcvbuf", Integer(-1), "kernel receive buffer in bytes; -1: the default of the system"),
    ("backlog", _COUNT, "longest queue of connections not yet accepted"),
    ("ipv6", _ON, "allow IPv6; set automatically for an address in brackets"),
    ("immediate", _ON, "queue messages only for completed connections"),
    ("reconnect_ivl", Milliseconds(-1), "first pause before reconnecting"),
    ("reconnect_ivl_max", Milliseconds(), "longest pause before reconnecting"),
    (
        "connect_timeout",
        Milliseconds(),
        "how long a connect may take; 0: the default of the system",
    ),
    ("handshake_ivl", Milliseconds(), "how long a handshake may take"),
    (
        "heartbeat_ivl",
        Milliseconds(),
        "time between ZMTP heartbeats; 0: none; `zmqdev doctor` says what is wrong with them",
    ),
    ("heartbeat_timeout", Milliseconds(), "silence after a heartbeat that ends the connection"),
    ("heartbeat_ttl", Milliseconds(), "silence after which the peer should give up this side"),
    ("tcp_keepalive", _TRISTATE, "TCP keepalive: 1 on, 0 off, -1 the default of the system"),
    ("tcp_keepalive_idle", Integer(-1), "seconds of silence before the first keepalive"),
    ("tcp_keepalive_intvl", Integer(-1), "seconds between keepalives"),
    ("tcp_keepalive_cnt", Integer(-1), "keepalives without answer that end a connection"),
    ("tcp_maxrt", Milliseconds(), "how long TCP retransmits before it gives up"),
    ("tos", Integer(0, 255), "type-of-service byte of sent packets"),
    ("bindtodevice", Text(), "network interface to bind to (needs CAP_NET_RAW)"),
    ("socks_proxy", Text(), "SOCKS5 proxy for outgoing TCP connections"),
    ("rate", Integer(1, 2**31 - 1), "multicast data rate in kilobits a second"),
    ("recovery_ivl", Milliseconds(), "multicast recovery time"),
    ("multicast_hops", Integer(1, 255), "multicast time to live"),
    (
        "router_mandatory",
        _ON,
        "report messages that cannot be routed, so that they are counted",
        "ROUTER",
    ),
    ("router_handover", _ON, "a new peer takes over the routing id of an older one", "ROUTER"),
    ("probe_router", _ON, "send an empty message when connected", "ROUTER", "DEALER", "REQ"),
    ("req_correlate", _ON, "match replies to requests by an id", "REQ"),
    ("req_relaxed", _ON, "allow a new request before the reply", "REQ"),
    ("xpub_verbose", _ON, "pass on repeated subscriptions too", "XPUB"),
    ("xpub_verboser", _ON, "pass on repeated subscriptions and unsubscriptions", "XPUB"),
    (
        "xpub_nodrop",
        _ON,
        "report a full subscriber instead of dropping its messages",
        "XPUB",
        "PUB",
    ),
    ("invert_matching", _ON, "pass on messages that do not match", "PUB", "XPUB", "SUB"),
    (
        "conflate",
        _ON,
        "keep only the last message; for messages of one frame",
        "PULL",
        "PUSH",
        "SUB",
        "PUB",
        "DEALER",
    ),
)


def parse_setting(text: str) -> tuple[str, str]:
    """Split `sndhwm=5000` into ("sndhwm", "5000"); ValueError names the form."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise ValueError(f"{text!r} is not OPTION=VALUE")
    return name.strip().lower(), value


def wrong_affinity(options: Mapping[str, Value], io_threads: int) -> str | None:
    """What is wrong with an affinity: libzmq would find no thread for the connections."""
    mask, every = int(options.get("affinity", 0)), (1 << io_threads) - 1
    if not mask or mask & every:
        return None
    return (
        f"affinity {mask} names none of the I/O threads; io-threads is {io_threads}, so {every} "
        "is all of them"
    )


def wrong_type(name: str, socket_type: str) -> str | None:
    """Return why this socket type does not accept the option, or None if it does."""
    types = SOCKET_OPTIONS[name].types
    if not types or socket_type in types:
        return None
    return f"{name} is an option of {', '.join(sorted(types))}, not of {socket_type}"


# No heartbeats by default. While the queue of a socket is full, libzmq reads nothing
# from its connections, not even the answer to a heartbeat, so it ends a healthy
# connection with all that is on its way. If the peer then resets the connection, the
# next heartbeat aborts the program: a peer that sends more than is read and dies would
# stop a device (libzmq issue 3937, every socket type). TCP's keepalive instead finds
# dead peers after 30 s.
KEEPALIVE = {"idle": 15, "intvl": 5, "cnt": 3}

# While a cable is unplugged the kernel retries with pauses that double. Without this
# limit, after two minutes it could take another one and a half to notice that the cable
# is back.
CONNECT_MS = 5000

# A socket with `immediate` loses its queue when the connection ends: messages accepted
# but not sent, and messages received but not read (such as the reply of a worker that
# answers and leaves: in 100 of 100 tries with a DEALER). It is needed only to choose
# among several peers.


# The limit applies to frames of a handshake too. READY with the longest type and an
# empty identity has 41 bytes, CURVE's INITIATE 292 (measured: with one byte less no
# peer connects).
LEAST_MAXMSGSIZE = {"null": 64, "plain": 64, "curve": 320}


def defaults(socket_type: str, *, hwm: int, linger_ms: int, connects: int) -> dict[str, Value]:
    """Return zmqdev's defaults; the README's table gives the reason for each.

    `connects` is the number of addresses the socket connects to.
    """
    values: dict[str, Value] = {
        "sndhwm": hwm,
        "rcvhwm": hwm,
        # Subscribers send only subscriptions, which nothing needs at their end.
        "linger": 0 if socket_type in SUBSCRIBERS else linger_ms,
        "maxmsgsize": 64 * MEBIBYTE,
        "backlog": 1024,
        "handshake_ivl": 5000,
        "heartbeat_ivl": 0,
        "heartbeat_timeout": 15000,
        "reconnect_ivl": 100,
        "reconnect_ivl_max": 1000,
        "tcp_keepalive": 1,
        **{f"tcp_keepalive_{name}": value for name, value in KEEPALIVE.items()},
    }
    if connects:
        values["connect_timeout"] = CONNECT_MS
    if connects and socket_type in SENDERS:
        values["immediate"] = connects > 1
    if socket_type == "ROUTER":
        values["router_mandatory"] = True
    return values


def merge(base: Mapping[str, Value], given: Mapping[str, Value]) -> dict[str, Value]:
    """Return `given` over `base`, with `hwm` and `identity` replaced by the present names."""
    values = dict(base)
    for name, value in given.items():
        if name == "hwm":
            values["sndhwm"] = values["rcvhwm"] = value
        elif name == "identity":
            values["routing_id"] = value
    values.update({n: v for n, v in given.items() if n not in ("hwm", "identity")})
    return values
