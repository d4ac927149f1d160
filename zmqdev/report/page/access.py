"""Access to the page. Pure.

On loopback everybody on this machine may, but a name that a stranger's web page chose may not
lead there (DNS rebinding): the Host header has to be a loopback name. Elsewhere a token is
needed, in the address that the log shows or as a bearer token.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping, Sequence

LOCAL = "localhost"


def is_loopback(host: str) -> bool:
    """Whether nothing outside this machine reaches what is bound there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == LOCAL


def host_of(header: str) -> str:
    """The host of a Host header: without the port, without brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def refusal(
    bound: str, token: str | None, headers: Mapping[str, str], query: Mapping[str, Sequence[str]]
) -> str | None:
    """Why a request is refused, in words for the one who made it; None when it is not.

    `bound` is the host that is listened at; `token` None asks for none.
    """
    if token is not None:
        given = query.get("token", [""])[0] or headers.get("Authorization", "")
        same = hmac.compare_digest(given.removeprefix("Bearer ").encode(), token.encode())
        return None if same else "the page needs its token: open the address that the log shows"
    if is_loopback(bound) and not is_loopback(host_of(headers.get("Host", LOCAL))):
        return "this page is for the loopback names of this machine"
    return None
