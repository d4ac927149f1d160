"""Titanic (RFC 9) at a queue with a store, frame by frame."""

from __future__ import annotations

import pytest
from support.durable_play import Durable, kept
from support.majordomo import Play

from zmqdev.broker.record import FULL
from zmqdev.wire import call

CLIENT = b"c"


class Ship(Durable):
    """What a Majordomo 0.1 client of Titanic asks and is told."""

    def titanic(self, verb: bytes, *body: bytes, client: bytes = CLIENT) -> None:
        self.client(client, b"", b"MDPC01", b"titanic." + verb, *body)

    def told(self, client: bytes = CLIENT) -> list[list[bytes]]:
        """The bodies of the answers so far."""
        found = self.replies_to(client)
        assert all(frames[:2] == [b"", b"MDPC01"] for frames in found)
        assert all(frames[2].startswith(b"titanic.") for frames in found)
        return [frames[3:] for frames in found]

    def uuid(self, *body: bytes) -> bytes:
        self.titanic(b"request", b"echo", *(body or (b"Hello",)))
        self.commit()
        [status, uuid] = self.told()[-1]
        assert status == b"200"
        assert len(uuid) == 16
        return uuid

    def again(self) -> Ship:
        self.store.close()
        return Ship(self.disk)


def test_the_uuid_is_told_once_the_request_is_on_disk() -> None:
    ship = Ship()
    ship.titanic(b"request", b"echo", b"Hello", b"world")
    assert ship.told() == []
    ship.commit()
    [[status, uuid]] = ship.told()
    assert status == b"200"
    assert [(one.call, one.body) for one in ship.disk.requests.values()] == [
        (uuid, (b"Hello", b"world"))
    ]


def test_the_reply_is_pending_then_there_then_closed() -> None:
    ship = Ship()
    uuid = ship.uuid()
    ship.titanic(b"reply", uuid)
    assert ship.told()[-1] == [b"300"]
    ship.ready(b"w")
    assert [frames[2:] for frames in ship.work_of(b"w")] == [[b"Hello"]]
    ship.reply(b"w", b"one", b"two")
    before = len(ship.told())
    assert before == 2, "the reply comes to who asks for it, and not by itself"
    for _ in range(2):
        ship.titanic(b"reply", uuid)
        ship.commit()
        assert ship.told()[-1] == [b"200", b"one", b"two"]
    ship.titanic(b"close", uuid)
    assert ship.told()[-1] == [b"200"]
    ship.titanic(b"reply", uuid)
    ship.commit()
    assert ship.told()[-1] == [b"400"]
    assert ship.disk.answers == {}
    assert ship.disk.requests == {}


def test_a_worker_that_is_faster_than_the_disk_answers_after_the_uuid() -> None:
    ship = Ship()
    ship.ready(b"w")
    ship.titanic(b"request", b"echo", b"Hello")
    ship.reply(b"w", b"done")
    assert ship.told() == []
    ship.commit()
    [[status, uuid]] = ship.told()
    assert status == b"200"
    ship.titanic(b"reply", uuid)
    ship.commit()
    assert ship.told()[-1] == [b"200", b"done"]


def test_after_a_crash_everything_is_there_still() -> None:
    ship = Ship()
    first, second = ship.uuid(b"first"), ship.uuid(b"second")
    ship.ready(b"w")
    ship.reply(b"w", b"done")
    ship.commit()
    ship = ship.again()
    ship.titanic(b"reply", first)
    ship.titanic(b"reply", second)
    ship.commit()
    assert sorted(ship.told()) == [[b"200", b"done"], [b"300"]]


def test_another_client_may_ask_and_two_may_at_once() -> None:
    ship = Ship()
    uuid = ship.uuid()
    ship.ready(b"w")
    ship.reply(b"w", b"done")
    for client in (b"x", b"y", b"x"):
        ship.titanic(b"reply", uuid, client=client)
    ship.commit()
    assert ship.told(b"x") == [[b"200", b"done"]] * 2
    assert ship.told(b"y") == [[b"200", b"done"]]
    assert len(ship.told()) == 1


def test_what_a_client_posted_is_known_by_the_same_id() -> None:
    ship = Ship()
    id = b"sixteen bytes id"
    ship.post(id)
    ship.commit()
    assert ship.replies_to(CLIENT) == [kept(id)]
    ship.titanic(b"reply", id, client=b"x")
    assert ship.told(b"x") == [[b"300"]]


def test_a_request_closed_before_a_worker_had_it_is_taken_back() -> None:
    ship = Ship()
    uuid = ship.uuid()
    ship.titanic(b"close", uuid)
    ship.ready(b"w")
    ship.commit()
    assert ship.work_of(b"w") == []
    assert ship.disk.requests == {}


def test_a_request_closed_while_a_worker_has_it_leaves_nothing() -> None:
    ship = Ship()
    uuid = ship.uuid()
    ship.ready(b"w")
    ship.titanic(b"close", uuid)
    ship.reply(b"w", b"done")
    ship.commit()
    assert ship.disk.requests == ship.disk.answers == {}


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        (b"request", (b"echo",)),
        (b"request", (b"mmi.service", b"x")),
        (b"request", (b"titanic.request", b"x")),
        (b"request", (b"\x00", b"x")),
        (b"reply", (b"no uuid",)),
        (b"reply", (b"u" * 16, b"more")),
        (b"close", (b"",)),
    ],
)
def test_what_is_no_request_of_titanic_is_400(verb: bytes, body: tuple[bytes, ...]) -> None:
    ship = Ship()
    ship.titanic(verb, *body)
    assert ship.told() == [[b"400"]]


def test_a_full_store_is_500_and_the_next_try_is_told_too() -> None:
    ship = Ship()
    ship.store.refuses = FULL
    ship.titanic(b"request", b"echo", b"Hello")
    ship.commit()
    assert ship.told() == [[b"500"]]
    ship.titanic(b"request", b"echo", b"Hello")
    assert ship.told() == [[b"500"]] * 2


def test_a_request_that_failed_for_good_is_500() -> None:
    ship = Ship(max_attempts=1)
    uuid = ship.uuid()
    ship.ready(b"w")
    ship.worker(b"w", b"", b"MDPW01", b"\x05")
    ship.commit()
    ship.titanic(b"reply", uuid)
    ship.commit()
    assert ship.told()[-1] == [b"500"]


def test_clients_of_the_other_forms_are_answered_in_theirs() -> None:
    ship = Ship()
    ship.client(b"a", b"MDPC02", b"\x01", b"titanic.request", b"echo", b"Hello")
    ship.client(b"b", call.CALL, b"id", b"", b"MDPC01", b"titanic.request", b"echo", b"Hello")
    ship.commit()
    [new], [called] = ship.replies_to(b"a"), ship.replies_to(b"b")
    assert new[:4] == [b"MDPC02", b"\x03", b"titanic.request", b"200"]
    assert called[:6] == [call.CALL, b"id", b"", b"MDPC01", b"titanic.request", b"200"]


def test_mmi_knows_the_services() -> None:
    ship = Ship()
    ship.ask(b"titanic.request", client=b"x", service=b"mmi.service")
    assert ship.replies_to(b"x")[-1][-1] == b"200"


def test_without_a_store_the_names_are_those_of_ordinary_services() -> None:
    play = Play()
    play.ready(b"w", service=b"titanic.request")
    play.ask(b"echo", b"Hello", service=b"titanic.request")
    assert [frames[2:] for frames in play.work_of(b"w")] == [[b"echo", b"Hello"]]


def test_an_answer_does_not_go_to_the_next_owner_of_a_routing_id() -> None:
    ship = Ship()
    ship.titanic(b"request", b"echo", b"Hello", client=b"named")
    assert ship.broker.holds(b"named")
    ship.broker.void(b"named", ship.now)
    ship.commit()
    assert ship.replies_to(b"named") == []
