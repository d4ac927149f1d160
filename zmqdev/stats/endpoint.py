"""The statistics of an endpoint at one moment, as plain data.

`messages` and `bytes` are the endpoint's main flow: what a sender's socket accepted
(which does not mean delivered), what a receiver took, what a worker answered, the
replies a client got. Each kind also counts what `EXTRA` lists for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zmqdev.stats.snapshot import AddressState, PeerCounts, SideState, Snapshot, flow_of

NO_PEERS = PeerCounts()
STATES = ("starting", "waiting", "running", "draining", "stopped", "failed")


@dataclass(frozen=True)
class Extra:
    """A number that only some kinds have."""

    name: str
    unit: str
    help: str
    kinds: frozenset[str]


def _rows(*rows: tuple[str, str, str, str]) -> dict[str, Extra]:
    return {row[0]: Extra(row[0], row[1], row[2], frozenset(row[3].split())) for row in rows}


EXTRA = _rows(
    ("subscriptions", "subscriptions", "subscriptions held by peers now", "pub"),
    ("unheard", "messages", "messages sent while there was no subscriber", "pub"),
    ("waiting", "messages", "messages read and not sent yet", "pub push"),
    (
        "sent",
        "messages",
        "messages sent, each retry of a request counted again",
        "client req rep dealer router pair",
    ),
    ("open", "requests", "requests waiting for their reply", "client"),
    ("retried", "requests", "requests sent again after a time-out", "client"),
    (
        "failed",
        "requests",
        "requests given up, or jobs whose command failed",
        "client worker sub pull",
    ),
    ("late", "messages", "replies that came after their request was closed", "client"),
    ("malformed", "messages", "messages without a proper envelope", "client worker"),
    ("p50", "seconds", "half of the replies came within this time", "client"),
    ("p99", "seconds", "99 of 100 replies came within this time", "client"),
    ("max", "seconds", "the longest time a reply took", "client"),
    ("replayed", "share", "part of the files that a replay has read, 0 to 1", "pub push client"),
    ("lost", "messages", "stamped messages that did not come", "sub pull"),
    ("doubled", "messages", "stamped messages that came again", "sub pull"),
    ("reordered", "messages", "stamped messages that came late", "sub pull"),
    ("corrupt", "messages", "messages without a stamp, or not as stamped", "sub pull"),
    ("jobs", "jobs", "commands and requests being worked on now", "worker sub pull"),
    ("unanswered", "messages", "messages that no peer was there to take", "worker router"),
)


def endpoint_snapshot(
    *,
    type: str,
    verb: str,
    messages: int,
    bytes: int,
    addresses: tuple[AddressState, ...] = (),
    peers: PeerCounts = NO_PEERS,
    refused: Mapping[str, int] | None = None,
    **more: Any,
) -> Snapshot:
    """Return the snapshot of an endpoint, which has one socket and one direction.

    `verb` names what happens to messages: sent, received or answered. `more` are other
    fields of the snapshot.
    """
    side = SideState("socket", type, addresses, peers, refused or {})
    flows = (flow_of(verb, messages, bytes),)
    return Snapshot(category="endpoint", sides=(side,), flows=flows, **more)
