"""The decision on a peer: a policy and a ZAP request make a verdict. No socket, no file, no clock.

The order is fixed: the address, then the mechanism, then the credentials. A
cheap no comes before a dear one, and a stranger learns nothing from which it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zmqdev.security.networks import Networks, plain
from zmqdev.security.passwords import Users
from zmqdev.security.throttle import Throttle
from zmqdev.wire import z85
from zmqdev.wire.zap import INTERNAL, OK, REFUSED, TEMPORARY, ZapReply, ZapRequest

# A peer without a user id: one of NULL. libzmq puts a user id into the pipe as a message that is
# counted against the high-water mark and never taken off it, so NULL has none.
ANONYMOUS = "anonymous"

# Every reason a peer is refused for, with the text for logs and metrics.
REASONS = {
    "address": "its address is denied, or not among those allowed",
    "mechanism": "it uses another security mechanism than this side requires",
    "key": "its CURVE key is not among those allowed",
    "password": "its PLAIN user name or password is wrong",
    "throttled": "too many wrong passwords came from its address",
    "connections": "its address or this side has reached its connection limit",
    "frame": "it sent a frame above maxmsgsize, or broke the protocol",
    "subscriptions": "it subscribed to more than it may",
    "unfinished": "it sent an endless message",
    "interrupted": "another subscriber broke the protocol while it subscribed; it may come again",
    "rights": "it subscribed without the right",
    "silent": "it stopped answering: its cable was pulled, or its machine is gone",
    "domain": "no policy is set for the side it came to",
    "malformed": "libzmq's request could not be read",
    "internal": "the handler itself failed",
}


@dataclass(frozen=True)
class Policy:
    """What one side asks of a peer.

    keys: CURVE keys let in, 32 bytes to name; None means any key will do.
    users: who may come in with PLAIN.
    """

    mechanism: str = "NULL"
    networks: Networks = field(default_factory=Networks)
    keys: Mapping[bytes, str] | None = field(default_factory=dict)
    users: Users = field(default_factory=Users)

    @property
    def names(self) -> bool:
        """Whether a peer that is let in gets a user id."""
        return self.mechanism != "NULL"


@dataclass(frozen=True)
class Verdict:
    """The answer to libzmq, and for a refusal the reason (a key of REASONS)."""

    reply: ZapReply
    reason: str = ""

    @property
    def let_in(self) -> bool:
        return self.reply.status == OK


def refuse(reason: str, text: str, status: int = REFUSED) -> Verdict:
    """A refusal. A 400 is final for a libzmq client; a 300 makes it come again."""
    return Verdict(ZapReply(status, text), reason)


def failed() -> Verdict:
    """Our own mistake: nobody is let in by it."""
    return refuse("internal", "the handler failed", INTERNAL)


def decide(policy: Policy, request: ZapRequest, throttle: Throttle, now: float) -> Verdict | None:
    """Whether this peer may come in to the side that `policy` is of. None: its password has to
    be hashed, and then `settle` says."""
    denied = policy.networks.refusal(request.address)
    if denied:
        return refuse("address", denied)
    if request.mechanism != policy.mechanism:
        return refuse("mechanism", f"{request.mechanism} where {policy.mechanism} is asked for")
    if request.mechanism == "CURVE":
        return _decide_curve(policy, request)
    if request.mechanism == "PLAIN":
        return _decide_plain(policy, request, throttle, now)
    if request.mechanism == "NULL":
        return _welcome("")
    return refuse("mechanism", f"{request.mechanism!r} is not supported here")


def _welcome(user: str) -> Verdict:
    return Verdict(ZapReply(OK, "OK", user))


def _decide_curve(policy: Policy, request: ZapRequest) -> Verdict:
    key = request.credentials[0]
    if policy.keys is None:
        return _welcome(z85.encode(key))
    name = policy.keys.get(key)
    if name is None:
        return refuse("key", f"key {z85.encode(key)} is not allowed")
    return _welcome(name)


def _decide_plain(
    policy: Policy, request: ZapRequest, throttle: Throttle, now: float
) -> Verdict | None:
    if policy.users.remembers(request.user, request.credentials[1]):
        return _welcome(request.user)
    address = plain(request.address)
    if throttle.refuses(address, now):
        return refuse(
            "throttled", f"too many wrong passwords from {address}, or from all together", TEMPORARY
        )
    return None


def crowded() -> Verdict:
    """Too many passwords wait for their hash."""
    return refuse("throttled", "too many passwords wait to be checked", TEMPORARY)


def settle(request: ZapRequest, right: bool | None, throttle: Throttle, now: float) -> Verdict:
    """What is to be said once the password was hashed; `right` None: a mistake of ours. Its own
    text is in no answer; the name is, for it is what one looks for."""
    if right is None:
        return failed()
    if right:
        return _welcome(request.user)
    throttle.failed(plain(request.address), now)
    return refuse("password", f"user {request.user!r} or its password is wrong")
