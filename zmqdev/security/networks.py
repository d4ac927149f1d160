"""Allowed and denied networks.

A denied network always wins; when any network is allowed, everything else is
denied. A socket with IPV6 on sees an IPv4 peer as `::ffff:10.0.0.1`, which is
the same peer. A peer over ipc has no address, only a user of this machine:
the mode of its file has already decided, and no network speaks of it.
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
    """Addresses let in: `deny` first, then `allow` when there is any."""

    allow: tuple[AnyNetwork, ...] = ()
    deny: tuple[AnyNetwork, ...] = ()

    def refusal(self, address: str) -> str | None:
        """Why this peer may not come in, or None. `address` is as ZAP gives it."""
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
    """Both lists as one rule. Raises ValueError for the first that is no network."""
    return Networks(tuple(map(network, allow)), tuple(map(network, deny)))


def plain(address: str) -> str:
    """One spelling for one peer: no mapping, no scope, no port; `local` for ipc.

    libzmq gives an ipc peer as `localhost:UID:GID:PID`, or as nothing where the
    system does not tell.
    """
    if not address or address.startswith("localhost"):
        return LOCAL
    number = number_of(address)
    return str(number) if number is not None else address


def holder_of(address: str) -> str:
    """Whose `tcp://HOST:PORT` is: the host; of IPv6 its /64, which one machine has to itself."""
    host = address.rpartition("://")[2].rpartition(":")[0]
    number = number_of(host)
    if number is None:
        return host
    if number.version == 4 or number.is_loopback:
        return str(number)
    return str(ipaddress.ip_network((number, 64), strict=False))


def number_of(address: str) -> Address | None:
    """The address as a number, an IPv4 peer as IPv4; None when it is none."""
    try:
        number = ipaddress.ip_address(address.strip("[]").split("%", 1)[0])
    except ValueError:
        return None
    mapped = getattr(number, "ipv4_mapped", None)
    return mapped or number
