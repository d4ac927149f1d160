"""A repeated call while the first is still open: one request, answered to the latest sender.

A repetition on the same connection changes nothing. On another connection it means that the first
connection ended, or that the client asks a second time elsewhere; the reply is sent to the new
connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zmqdev.broker.cost import cost
from zmqdev.broker.request import Client, Request
from zmqdev.wire import call
from zmqdev.wire.majordomo import PLAIN, ClientForm

if TYPE_CHECKING:
    from zmqdev.broker.ledger import Ledger


@dataclass(frozen=True)
class AskedBefore:
    """A call that waits for an answer of the store.

    Without a `body`, only its reply is wanted.
    """

    form: ClientForm
    service: bytes
    head: list[bytes]
    body: list[bytes]


def repeat(
    ledger: Ledger, request: Request, form: ClientForm, head: list[bytes], now: float
) -> None:
    """Handle a repetition of the call of `request`, with that head."""
    ledger.tally.repeated += 1
    here = ledger.clients.get(head[0]) is request.client or request.head[:1] == head[:1]
    if not here and not _redirect(ledger, request, form, head):
        return
    if ledger.journal is not None and head[1] != call.CALL:
        ledger.journal.repeated(request, now)


def _redirect(ledger: Ledger, request: Request, form: ClientForm, head: list[bytes]) -> bool:
    """Send the reply to the new head; return False when that is impossible."""
    client = ledger.clients.get(head[0]) or Client(head[0])
    if request.streamed:
        ledger.fail(head, "elsewhere")
        return False
    if request.client.identity:  # otherwise it belongs to the store
        if not ledger.has_share(client, request.size):
            ledger.fail(head, "client-full")
            return False
        hand_over(ledger, request, client)
    ledger.resize(request, cost(head) - cost(request.head))
    request.form, request.head = form, head
    if ledger.journal is not None:
        ledger.journal.addressed(request)
    return True


def first_try(
    ledger: Ledger, form: ClientForm, name: bytes, head: list[bytes], body: list[bytes], now: float
) -> bool:
    """Return whether to accept a post, or a call that was sent before and is unknown here."""
    journal = ledger.journal
    if journal is None:
        refusal = "no-store" if head[1] == call.POST else ""
    else:
        refusal = journal.refusal(now)
    if refusal:
        ledger.tally.refused += 1
        ledger.fail(head, refusal)
        return False
    if journal is not None and head[1] == call.AGAIN:
        journal.ask(AskedBefore(form, name, head, body), now)
        return False
    return True


def collect(ledger: Ledger, head: list[bytes], now: float) -> None:
    """Handle a client that asks by id for the reply of a call, now or when there is one."""
    request = ledger.calls.get(call.key_of(head[0], head[2]))
    if request is not None:
        repeat(ledger, request, PLAIN, head, now)
    elif ledger.journal is not None:
        ledger.journal.ask(AskedBefore(PLAIN, b"", head, []), now)
    else:
        ledger.fail(head, "unknown")


def hand_over(ledger: Ledger, request: Request, client: Client) -> None:
    """Count a request for another client from now on."""
    before = request.client
    del before.open[request.number]
    before.size -= request.size
    if not before.open and ledger.clients.get(before.identity) is before:
        del ledger.clients[before.identity]
    if client.identity:
        ledger.clients[client.identity] = client
    request.client = client
    client.open[request.number] = request
    client.size += request.size
