"""The decision on a peer: a policy and a ZAP request make a verdict. No I/O and no clock.

The order is fixed: address, mechanism, credentials. So cheap checks come first, and a
stranger does not learn which credential was wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zmqdev.security.networks import Networks, plain
from zmqdev.security.passwords import Users
from zmqdev.security.throttle import Throttle
from zmqdev.wire import z85
from zmqdev.wire.zap import INTERNAL, OK, REFUSED, TEMPORARY, ZapReply, ZapRequest

# The user id of a peer of NULL. libzmq puts a user id into the pipe as a message that
# counts against the high-water mark and is never subtracted, so NULL gets none.
ANONYMOUS = "anonymous"

# Reason of a refusal -> text for logs and metrics.
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
    """What a side requires of its peers.

    `keys` maps the CURVE keys that are admitted, 32 bytes each, to names; None admits
    any key. `users` are those that PLAIN admits.
    """

    mechanism: str = "NULL"
    networks: Networks = field(default_factory=Networks)
    keys: Mapping[bytes, str] | None = field(default_factory=dict)
    users: Users = field(default_factory=Users)

    @property
    def names(self) -> bool:
        """Whether an admitted peer gets a user id."""
        return self.mechanism != "NULL"


@dataclass(frozen=True)
class Verdict:
    """The answer to libzmq, and for a refusal the reason (a key of REASONS)."""

    reply: ZapReply
    reason: str = ""

    @property
    def let_in(self) -> bool:
        """Whether the peer is admitted."""
        return self.reply.status == OK


def refuse(reason: str, text: str, status: int = REFUSED) -> Verdict:
    """Return a refusal. A 400 is final for a libzmq client; after a 300 it tries again."""
    return Verdict(ZapReply(status, text), reason)


def failed() -> Verdict:
    """Return the refusal for an internal error."""
    return refuse("internal", "the handler failed", INTERNAL)


def decide(policy: Policy, request: ZapRequest, throttle: Throttle, now: float) -> Verdict | None:
    """Decide whether a peer is admitted to the side with this policy.

    None means that its password must be hashed first; `settle` then decides.
    """
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
    """Return the refusal when too many passwords wait to be hashed."""
    return refuse("throttled", "too many passwords wait to be checked", TEMPORARY)


def settle(request: ZapRequest, right: bool | None, throttle: Throttle, now: float) -> Verdict:
    """Decide after the password was hashed; `right` None: the check failed.

    The answer contains the name, which helps to find the peer, but never the password.
    """
    if right is None:
        return failed()
    if right:
        return _welcome(request.user)
    throttle.failed(plain(request.address), now)
    return refuse("password", f"user {request.user!r} or its password is wrong")
