"""Who may see the page. No I/O.

On the loopback every user of this machine may. A foreign web page must not reach it
under a name of its own (DNS rebinding), so the Host header has to be a loopback name.
Elsewhere a token is needed, in the address that the log shows or as a bearer token.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping, Sequence

LOCAL = "localhost"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address that is bound there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == LOCAL


def host_of(header: str) -> str:
    """Return the host of a Host header, without port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def refusal(
    bound: str, token: str | None, headers: Mapping[str, str], query: Mapping[str, Sequence[str]]
) -> str | None:
    """Return why a request is refused, as text for the client; None when it is allowed.

    `bound` is the host that the server listens at; `token` None means that none is
    needed.
    """
    if token is not None:
        given = query.get("token", [""])[0] or headers.get("Authorization", "")
        same = hmac.compare_digest(given.removeprefix("Bearer ").encode(), token.encode())
        return None if same else "the page needs its token: open the address that the log shows"
    if is_loopback(bound) and not is_loopback(host_of(headers.get("Host", LOCAL))):
        return "this page is for the loopback names of this machine"
    return None
