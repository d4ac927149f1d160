"""What every store promises; the same for each of them."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.fake_store import Disk, FakeStore

from zmqdev.broker.record import Answer, Dead, Group, Kept, Settled
from zmqdev.broker.store import Store
from zmqdev.broker.store_sqlite import SqliteStore

Open = Callable[[], Store]
PATIENCE = 20.0


@pytest.fixture(params=["fake", "sqlite"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same store, again and again."""
    disk, live = Disk(), list[Store]()

    def again() -> Store:
        while live:
            live.pop().close()
        fake = request.param == "fake"
        live.append(FakeStore(disk) if fake else SqliteStore(str(tmp_path / "q.db"), 1 << 26))
        return live[-1]

    yield again
    for store in live:
        store.close()


def settle(store: Store, group: Group) -> Settled:
    store.write(group)
    assert not store.idle
    assert select.select([store.descriptor], [], [], PATIENCE)[0], "the group is settled"
    settled = store.settled()
    assert settled is not None
    assert store.idle
    assert settled.group is group
    assert store.settled() is None
    return settled


def kept(key: int, body: tuple[bytes, ...] = (b"body", b""), call: bytes | None = None) -> Kept:
    return Kept(key, call, b"echo", 1000.5, 0, body)


def test_a_new_store_is_empty(opened: Open) -> None:
    store = opened()
    assert list(store.recover()) == []
    assert store.first_key == 1
    assert store.damaged == ()
    assert store.idle


def test_what_was_accepted_is_there_again_in_its_order(opened: Open) -> None:
    store = opened()
    records = [kept(number, (b"%d" % number, bytes(number))) for number in range(1, 400)]
    settled = settle(store, Group(accepted=tuple(records)))
    assert (settled.refused, settled.unwritten) == ("", False)
    again = opened()
    assert list(again.recover()) == records
    assert again.first_key == 400


def test_what_ended_is_not_there_again(opened: Open) -> None:
    store = opened()
    settle(store, Group(accepted=(kept(1), kept(2), kept(3))))
    settle(store, Group(accepted=(kept(4),), ended=(1, 3)))
    again = opened()
    assert [record.key for record in again.recover()] == [2, 4]
    assert again.first_key > 4


def test_a_request_that_had_an_attempt_more_has_it_after_a_new_start(opened: Open) -> None:
    store = opened()
    settle(store, Group(accepted=(kept(1, call=b"an id of 12 b"),)))
    more = kept(1, call=b"an id of 12 b")._replace(attempts=3)
    settle(store, Group(attempts=(more,)))
    assert list(opened().recover()) == [more]


def test_an_answer_is_found_by_its_id_while_it_is_kept(opened: Open) -> None:
    store = opened()
    until = time.time() + 1000
    answers = (
        Answer(b"an id of 12 b", until, "", (b"reply", b"", b"x")),
        Answer(b"another id of", until, "expired", ()),
    )
    assert settle(store, Group(answers=answers)).answers == {}
    asked = ("an id of 12 b", "another id of", "a third id of")
    settled = settle(store, Group(asked=tuple(id.encode() for id in asked)))
    assert settled.answers == {answer.call: answer for answer in answers}
    again = settle(opened(), Group(asked=(b"an id of 12 b",)))
    assert list(again.answers.values()) == [answers[0]]


def test_an_answer_and_the_end_of_its_request_are_one_group(opened: Open) -> None:
    store = opened()
    settle(store, Group(accepted=(kept(1, call=b"an id of 12 b"),)))
    answer = Answer(b"an id of 12 b", time.time() + 1000, "", (b"reply",))
    settle(store, Group(answers=(answer,), ended=(1,)))
    again = opened()
    assert list(again.recover()) == []
    assert settle(again, Group(asked=(answer.call,))).answers == {answer.call: answer}


def test_the_number_of_a_dead_letter_is_not_given_out_again(opened: Open) -> None:
    store = opened()
    dead = Dead(7, None, b"echo", "attempts", 1000.0, (b"poison",))
    settle(store, Group(dead=(dead,)))
    again = opened()
    assert list(again.recover()) == []
    assert again.first_key == 8


def test_a_group_is_settled_when_the_descriptor_says_so_and_not_a_moment_before(
    tmp_path: Path,
) -> None:
    """A queue died of it: the thread had put the word there, and not rung yet."""
    store = SqliteStore(str(tmp_path / "q.db"), 1 << 26)
    settled = Settled(Group())
    store._settled.append(settled)
    assert store.settled() is None
    os.write(store._bell, b"!")
    assert store.settled() is settled
    store.close()
