"""Allowed and denied networks.

A denied network always wins; if any network is allowed, all others are denied. A socket
with IPV6 sees an IPv4 peer as `::ffff:10.0.0.1`, which is the same peer. A peer over
ipc has no address: the mode of the socket's file has admitted it, and networks do not
apply to it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from zmqdev.options.network import AnyNetwork, network

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

LOCAL = "local"


@dataclass(frozen=True)
class Networks:
    """The addresses that are admitted: `deny` is checked first, then `allow` if there is any."""

    allow: tuple[AnyNetwork, ...] = ()
    deny: tuple[AnyNetwork, ...] = ()

    def refusal(self, address: str) -> str | None:
        """Return why a peer is refused, or None. `address` is as ZAP reports it."""
        host = plain(address)
        if host == LOCAL or not (self.allow or self.deny):
            return None
        number = number_of(host)
        if number is None:
            return f"address {host!r} cannot be read"
        if any(number in network for network in self.deny):
            return f"address {host} is denied"
        if self.allow and not any(number in network for network in self.allow):
            return f"address {host} is not allowed"
        return None


def networks(allow: Iterable[str], deny: Iterable[str]) -> Networks:
    """Combine both lists; raises ValueError for the first entry that is not a network."""
    return Networks(tuple(map(network, allow)), tuple(map(network, deny)))


def plain(address: str) -> str:
    """Return one spelling for a peer: no mapping, no scope, no port; `local` for ipc.

    libzmq reports an ipc peer as `localhost:UID:GID:PID`, or as nothing where it is
    unknown.
    """
    if not address or address.startswith("localhost"):
        return LOCAL
    number = number_of(address)
    return str(number) if number is not None else address


def holder_of(address: str) -> str:
    """Return the holder of `tcp://HOST:PORT`: the host, or for IPv6 its /64, which one
    machine has."""
    return network_of(address.rpartition("://")[2].rpartition(":")[0])


def network_of(host: str) -> str:
    """Return a host as it is counted: itself, or for IPv6 its /64, which one machine has."""
    number = number_of(host)
    if number is None:
        return host
    if number.version == 4 or number.is_loopback:
        return str(number)
    return str(ipaddress.ip_network((number, 64), strict=False))


def number_of(address: str) -> Address | None:
    """Return an address as a number, IPv4-mapped ones as IPv4; None when it is not one."""
    try:
        number = ipaddress.ip_address(address.strip("[]").split("%", 1)[0])
    except ValueError:
        return None
    mapped = getattr(number, "ipv4_mapped", None)
    return mapped or number
