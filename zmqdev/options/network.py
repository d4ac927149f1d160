"""Addresses and networks as options: `10.0.0.0/8`, `::1`, `10.1.2.3`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any, TypeAlias

from zmqdev.options.types import Scalar, expected

AnyNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
# Bits before the IPv4 address in an IPv4-mapped IPv6 address (RFC 4291, section
# 2.5.5.2).
_MAPPED_BITS = 96


def network(text: str) -> AnyNetwork:
    """Parse a network; ValueError says what is wrong.

    An IPv4-mapped one, `::ffff:10.0.0.0/104`, becomes the IPv4 network.
    """
    try:
        return _unmapped(ipaddress.ip_network(text.strip()))
    except ValueError as error:
        try:
            wider = ipaddress.ip_network(text.strip(), strict=False)
        except ValueError:
            raise ValueError(f"{text!r} is neither an address nor a network") from error
        raise ValueError(f"{text!r} has host bits set; did you mean {wider}?") from error


def _unmapped(found: AnyNetwork) -> AnyNetwork:
    mapped = getattr(found.network_address, "ipv4_mapped", None)
    if mapped is None or found.prefixlen < _MAPPED_BITS:
        return found
    return ipaddress.ip_network((mapped, found.prefixlen - _MAPPED_BITS))


@dataclass(frozen=True)
class Network(Scalar):
    """A network, kept as it was written."""

    metavar: str = "NETWORK"

    def parse(self, raw: object, *, text: bool) -> str:
        if not isinstance(raw, str):
            raise expected("a network like 10.0.0.0/8", raw)
        network(raw)
        return raw.strip()

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^\s*[0-9A-Fa-f:.]+(/\d{1,3})?\s*$"}
