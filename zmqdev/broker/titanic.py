"""Titanic (RFC 9): requests on disk for every Majordomo client, at a queue with a store.

    titanic.request [service, body…]   → ["200", uuid]         once it is on disk
    titanic.reply   [uuid]             → ["200", reply…], ["300"] not yet, ["400"] unknown
    titanic.close   [uuid]             → ["200"]               its reply is deleted

A UUID is the id of a post, 16 bytes; `zmqdev client --post` prints the same ids. "400" also
answers a malformed request, "500" one that the queue cannot do or that failed. Posts and questions
enter the ledger under addresses that no peer has. Messages to these addresses are not sent; they
become the answers to the clients that asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from zmqdev.broker.repeat import collect
from zmqdev.wire import call, mmi
from zmqdev.wire.majordomo import PLAIN, is_service

if TYPE_CHECKING:
    from zmqdev.broker.ledger import Ledger
    from zmqdev.broker.request import Request

NAMESPACE = b"titanic."
REQUEST, REPLY, CLOSE = b"titanic.request", b"titanic.reply", b"titanic.close"
OK, PENDING, WRONG, FAILED = b"200", b"300", b"400", b"500"
UUID = 16
# Maximum number of questions that wait for the store; a database may be unreachable for long.
MOST = 10_000

Message = list[bytes]


class Titanic:
    """Titanic's services. `run` is random bytes of this run, so that UUIDs cannot be guessed."""

    SERVICES = frozenset({REQUEST, REPLY, CLOSE})

    def __init__(self, ledger: Ledger, run: bytes) -> None:
        self._ledger, self._run = ledger, run
        self._number = 0
        # The prefix of Titanic's addresses, which no peer has and none can guess.
        self._mark = ledger.nowhere
        self._posts: dict[bytes, Message] = {}  # heads of clients that wait for their UUID
        self._questions: dict[bytes, list[Message]] = {}  # the same for a reply, by UUID
        self._waiting = 0  # questions
        self.used = False

    def ask(self, service: bytes, head: Message, body: Message, now: float) -> Request | None:
        """Handle a request for `titanic.*`; return the request to offer to workers, or None."""
        self.used = True
        self._ledger.tally.internal += 1
        if service == REQUEST:
            return self._post(head, body, now)
        if len(body) != 1 or len(body[0]) != UUID:
            self._tell(head, WRONG)
        elif service == REPLY:
            self._question(head, body[0], now)
        else:
            assert self._ledger.journal is not None
            self._ledger.journal.forget(body[0], now)
            self._tell(head, OK)
        return None

    def _post(self, head: Message, body: Message, now: float) -> Request | None:
        ledger, service = self._ledger, body[0]
        internal = service.startswith((mmi.NAMESPACE, NAMESPACE))
        if len(body) < 2 or internal or not is_service(service) or not ledger.settings.keep_replies:
            self._tell(head, WRONG)
            return None
        self._number += 1
        made = hashlib.sha256(b"titanic %b %d" % (self._run, self._number))
        uuid = made.digest()[:UUID]
        self._posts[uuid] = head
        inner = [self._mark + head[0], call.POST, uuid, b""]
        return ledger.admit(PLAIN, service, inner, body[1:], now)

    def _question(self, head: Message, uuid: bytes, now: float) -> None:
        if uuid in self._ledger.calls:
            self._tell(head, PENDING)
            return
        if self._waiting >= MOST:
            self._tell(head, FAILED)
            return
        asked = self._questions.setdefault(uuid, [])
        asked.append(head)
        self._waiting += 1
        if len(asked) == 1:
            collect(self._ledger, [self._mark, call.COLLECT, uuid, b""], now)

    def _tell(self, head: Message, code: bytes, *more: bytes) -> None:
        self._ledger.to_clients.append([*head, code, *more])

    def heard(self, messages: Iterable[Message]) -> list[Message]:
        """Replace messages to Titanic's own addresses by answers to the clients."""
        mark, kept = self._mark, list[bytes]()
        told: list[Message] = []
        for message in messages:
            if message[0].startswith(mark):
                told += self._hear(message, kept)
            else:
                told.append(message)
        for uuid in kept:  # known, and without a reply yet
            told += [[*head, PENDING] for head in self._take_questions(uuid)]
        return told

    def _take_questions(self, uuid: bytes) -> list[Message]:
        found = self._questions.pop(uuid, [])
        self._waiting -= len(found)
        return found

    def holds(self, identity: bytes) -> bool:
        """Return whether an answer may still be sent to that routing id."""
        return any(head[0] == identity for head in self._heads())

    def void(self, identity: bytes) -> None:
        """Send nothing more to a routing id, which belongs to another peer now."""
        for head in self._heads():
            if head[0] == identity:
                head[0] = self._ledger.nowhere

    def _heads(self) -> Iterator[Message]:
        yield from self._posts.values()
        for heads in self._questions.values():
            yield from heads

    def _hear(self, message: Message, kept: list[bytes]) -> list[Message]:
        mark, uuid = message[1], message[2]
        if mark == call.KEPT:
            head = self._posts.pop(uuid, None)
            if head is not None:
                return [[*head, OK, uuid]]
            kept.append(uuid)
        elif mark == call.COLLECT:
            return [[*head, OK, *message[4:]] for head in self._take_questions(uuid)]
        elif mark == call.FAILED:
            code = WRONG if message[4] == b"unknown" else FAILED
            found = self._take_questions(uuid)
            if uuid in self._posts:
                found.append(self._posts.pop(uuid))
            return [[*head, code] for head in found]
        return []  # the reply itself, which is kept until a client asks for it
