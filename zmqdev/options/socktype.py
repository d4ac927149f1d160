"""Socket types: which can be peers, and which pairs work in one device.

See zmq_socket(3) and RFC 28 to 31. REQ and REP must alternate, so they cannot relay and
are never a side of a device.
"""

from __future__ import annotations

PEERS: dict[str, frozenset[str]] = {
    "PAIR": frozenset({"PAIR"}),
    "PUB": frozenset({"SUB", "XSUB"}),
    "XPUB": frozenset({"SUB", "XSUB"}),
    "SUB": frozenset({"PUB", "XPUB"}),
    "XSUB": frozenset({"PUB", "XPUB"}),
    "PUSH": frozenset({"PULL"}),
    "PULL": frozenset({"PUSH"}),
    "REQ": frozenset({"REP", "ROUTER"}),
    "REP": frozenset({"REQ", "DEALER"}),
    "DEALER": frozenset({"REP", "DEALER", "ROUTER"}),
    "ROUTER": frozenset({"REQ", "DEALER", "ROUTER"}),
}

SUBSCRIBERS = frozenset({"SUB", "XSUB"})
PUBLISHERS = frozenset({"PUB", "XPUB"})
# These wait for a peer when they send; one that connects should not queue for an absent
# peer.
SENDERS = frozenset({"PUSH", "DEALER", "REQ"})
FRONTENDS = ("XSUB", "SUB", "PULL", "ROUTER", "DEALER", "PAIR")
BACKENDS = ("XPUB", "PUB", "PUSH", "DEALER", "ROUTER", "PAIR")
_BOTH_WAYS = frozenset({"ROUTER", "DEALER", "PAIR"})


def legal(frontend: str, backend: str) -> bool:
    """Whether messages can pass from `frontend` to `backend`.

    Subscriptions travel upstream only from XPUB to XSUB, so each of them requires the
    other. A ROUTER backend needs a routing id in front of each message: a DEALER
    frontend passes one through, and behind a ROUTER the second frame is one.
    """
    if frontend not in FRONTENDS or backend not in BACKENDS:
        return False
    if (frontend == "XSUB") != (backend == "XPUB"):
        return False
    return backend != "ROUTER" or frontend in ("DEALER", "ROUTER")


def two_way(frontend: str, backend: str) -> bool:
    """Whether messages can flow back: replies, or the subscriptions of a forwarder."""
    return (frontend, backend) == ("XSUB", "XPUB") or {frontend, backend} <= _BOTH_WAYS


def legal_backends(frontend: str) -> list[str]:
    """Return the backends that work with a frontend."""
    return [backend for backend in BACKENDS if legal(frontend, backend)]
