"""A broker with a store that a test turns by hand."""

from __future__ import annotations

from typing import Any

from support.fake_store import Disk, FakeStore
from support.majordomo import Play

from zmqdev.wire import call
from zmqdev.wire.dialect import DialectVerb
from zmqdev.wire.majordomo import request_01

ID, OTHER = b"an id of 12 b", b"another id of"
WALL = 1_000_000.0


class Durable(Play):
    """A broker with a store that is turned by hand."""

    DISCONNECT = DialectVerb.DISCONNECT

    def __init__(self, disk: Disk | None = None, **changes: Any) -> None:
        super().__init__(**changes)
        self.store = FakeStore(disk or Disk())
        records = self.store.recover()
        self.broker.keep(self.store.first_key, records, self.now)

    @property
    def disk(self) -> Disk:
        return self.store.disk

    def post(
        self, id: bytes = ID, body: bytes = b"body", client: bytes = b"c", mark: bytes = call.POST
    ) -> None:
        self.client(client, *call.wrap(id, request_01(b"echo", [body]), mark))

    def collect_reply(self, id: bytes = ID, client: bytes = b"collector") -> None:
        self.client(client, call.COLLECT, id, b"")

    def commit(self) -> None:
        """A group is taken, as soon as it is due, and written."""
        self.now = max(self.now, min(self.broker.records_due(), self.now + 1))
        self.store.write(self.broker.take_records(self.now, WALL + self.now))
        settled = self.store.settled()
        assert settled is not None
        self.broker.settled(settled, self.now)
        self.collect()

    def died(self) -> Durable:
        """The queue's next run, after the last one was killed."""
        self.store.close()
        return Durable(self.disk)


def kept(id: bytes = ID) -> list[bytes]:
    return [call.KEPT, id, b""]
