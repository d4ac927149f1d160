"""Which socket types, and which zmqdev commands, can talk to a socket that was found."""

from __future__ import annotations

from zmqdev.options.socktype import PEERS

# Useful commands for each type; {} stands for the address.
COMMANDS: dict[str, tuple[str, ...]] = {
    "PUB": ("sub --connect {}", "forwarder --frontend-connect {}"),
    "XPUB": ("sub --connect {}", "forwarder --frontend-connect {}"),
    "SUB": ("pub --connect {}", "forwarder --backend-connect {}"),
    "XSUB": ("pub --connect {}", "forwarder --backend-connect {}"),
    "PULL": ("push --connect {}", "streamer --backend-connect {}"),
    "PUSH": ("pull --connect {}", "streamer --frontend-connect {}"),
    "REP": ("client --connect {}", "queue --backend-connect {}"),
    "ROUTER": (
        "client --connect {}",
        "queue --backend-connect {}",
        "worker --connect {}",
    ),
    "DEALER": ("worker --connect {}", "queue --frontend-connect {}"),
    "REQ": ("worker --connect {}", "queue --frontend-connect {}"),
    "PAIR": (),
}


def peers(socket_type: str) -> list[str]:
    """Return the socket types that it accepts; empty for a type outside libzmq's stable API."""
    return sorted(PEERS.get(socket_type, ()))


def commands(socket_type: str, address: str) -> list[str]:
    """Return command lines that could talk to it."""
    return [f"zmqdev {line.format(address)}" for line in COMMANDS.get(socket_type, ())]


def mismatch(
    ours: str, mechanism: str, theirs: str | None, their_mechanism: str | None
) -> str | None:
    """Return why the handshake would fail for a socket of type `ours`; None if it succeeds.

    libzmq reports neither case: it makes the connection, closes it and tries again.
    """
    if their_mechanism is not None and mechanism != their_mechanism:
        return f"it speaks {their_mechanism} and this side {mechanism}"
    if theirs is not None and theirs in PEERS and ours not in PEERS[theirs]:
        accepted = ", ".join(peers(theirs))
        return f"a {theirs} does not talk to a {ours}, only to {accepted}"
    return None
