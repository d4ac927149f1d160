"""Clients that have disconnected, and the replies still owed to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmqdev.broker.request import Client
from zmqdev.broker.warnings import CLIENT

if TYPE_CHECKING:
    from zmqdev.broker.ledger import Ledger


def client_gone(ledger: Ledger, identity: bytes, now: float) -> None:
    """End the requests of an address that cannot come back, after a reply could not be routed.

    libzmq makes addresses of five bytes that begin with 0 and never uses one again. A client that
    chose its own routing id may come back and ask again.
    """
    ledger.warnings.tell(CLIENT, identity, "reply dropped: client gone", now)
    client = ledger.clients.get(identity)
    if client is not None and identity.startswith(b"\0"):
        client.gone = True


def void(ledger: Ledger, identity: bytes, now: float) -> None:
    """Drop everything for a routing id that belongs to another connection now.

    Workers finish the requests they have; the replies have no address.
    """
    kept = [message for message in ledger.to_clients if message[0] != identity]
    lost = len(ledger.to_clients) - len(kept) + ledger.waiting.forget(identity)
    ledger.to_clients = kept
    client = ledger.clients.pop(identity, None)
    if client is not None:
        client.gone = True
        _end_requests(ledger, client)
    if ledger.journal is not None:
        ledger.journal.void(identity)
    if lost or client is not None:
        ledger.tally.unreachable += lost
        text = "another connection has its routing id: its requests can no longer be answered"
        ledger.warnings.tell(CLIENT, identity, text, now)


def _end_requests(ledger: Ledger, client: Client) -> None:
    for request in list(client.open.values()):
        if request.service.queue.pop(request.number, None) is not None:
            ledger.tally.abandoned += 1
            ledger.close(request)
        else:
            request.head[0] = ledger.nowhere
