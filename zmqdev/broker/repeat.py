"""A call that comes once more while the first is here: one request, for the newest asker.

Over the same connection there is nothing to do. Over another one, the client's connection
ended or it asks a second time elsewhere, and the reply goes there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmqdev.broker.cost import cost
from zmqdev.broker.request import Client, Request
from zmqdev.wire.majordomo import ClientForm

if TYPE_CHECKING:
    from zmqdev.broker.ledger import Ledger


def repeat(ledger: Ledger, request: Request, form: ClientForm, head: list[bytes]) -> None:
    """The call of `request` came again, with that head."""
    ledger.tally.repeated += 1
    if ledger.clients.get(head[0]) is request.client:
        return
    client = ledger.clients.get(head[0]) or Client(head[0])
    if request.streamed:
        ledger.fail(head, "elsewhere")
    elif not ledger.has_share(client, request.size):
        ledger.fail(head, "client-full")
    else:
        hand_over(ledger, request, client)
        ledger.resize(request, cost(head) - cost(request.head))
        request.form, request.head = form, head


def hand_over(ledger: Ledger, request: Request, client: Client) -> None:
    """The request is that client's now."""
    before = request.client
    del before.open[request.number]
    before.size -= request.size
    if not before.open and ledger.clients.get(before.identity) is before:
        del ledger.clients[before.identity]
    ledger.clients[client.identity] = request.client = client
    client.open[request.number] = request
    client.size += request.size
