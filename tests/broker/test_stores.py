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
PATIENCE = 60.0
# A lease that is over at once for one who has closed; nobody else is there.
LEASE = 5.0


def opener(kind: str, request: pytest.FixtureRequest, place: Path) -> Open:
    if kind == "fake":
        disk = Disk()
        return lambda: FakeStore(disk)
    if kind == "sqlite":
        return lambda: SqliteStore(str(place / "q.db"), 1 << 26)
    url = request.getfixturevalue("database")
    from zmqdev.broker.store_postgres import PostgresStore

    return lambda: PostgresStore(url, LEASE)


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same store, again and again."""
    live = list[Store]()
    make = opener(request.param, request, tmp_path)

    def again() -> Store:
        while live:
            live.pop().close()
        live.append(make())
        return live[-1]

    yield again
    for store in live:
        store.close()


def settle(store: Store, group: Group) -> Settled:
    store.write(group)
    assert not store.idle
    settled = None
    while settled is None or settled.group is None:  # there may be news meanwhile
        assert select.select([store.descriptor], [], [], PATIENCE)[0], "the group is settled"
        settled = store.settled()
    assert store.idle
    assert settled.group is group
    return settled


def recovered(store: Store) -> list[Kept]:
    """With their keys counted from 1: a store gives out others, in the same order."""
    found = list(store.recover())
    keys = [record.key for record in found]
    assert keys == sorted(set(keys))
    assert all(0 <= key < store.first_key for key in keys)
    return [record._replace(key=number) for number, record in enumerate(found, 1)]


def kept(key: int, body: tuple[bytes, ...] = (b"body", b""), call: bytes | None = None) -> Kept:
    return Kept(key, call, b"echo", 1000.5, 0, body)


def test_a_new_store_is_empty(opened: Open) -> None:
    store = opened()
    assert recovered(store) == []
    assert store.first_key >= 1
    assert store.damaged == ()
    assert store.idle


def test_what_was_accepted_is_there_again_in_its_order(opened: Open) -> None:
    store = opened()
    records = [kept(number, (b"%d" % number, bytes(number))) for number in range(1, 400)]
    settled = settle(store, Group(accepted=tuple(records)))
    assert (settled.refused, settled.unwritten) == ("", False)
    again = opened()
    assert recovered(again) == records


def test_what_ended_is_not_there_again(opened: Open) -> None:
    store = opened()
    one, two, three, four = (kept(number, (b"%d" % number,)) for number in range(1, 5))
    settle(store, Group(accepted=(one, two, three)))
    settle(store, Group(accepted=(four,), ended=(1, 3)))
    again = opened()
    assert [record.body for record in recovered(again)] == [two.body, four.body]


def test_what_was_recovered_ends_by_its_new_key(opened: Open) -> None:
    store = opened()
    settle(store, Group(accepted=tuple(kept(number, (b"%d" % number,)) for number in (1, 2, 3))))
    again = opened()
    _, second, _ = again.recover()
    more = second._replace(attempts=2)
    first_own = kept(again.first_key, (b"own",))
    settle(again, Group(accepted=(first_own,), attempts=(more,)))
    third = opened()
    assert [(one.body, one.attempts) for one in recovered(third)] == [
        ((b"1",), 0),
        ((b"2",), 2),
        ((b"3",), 0),
        ((b"own",), 0),
    ]


def test_two_that_end_after_two_starts_are_gone(opened: Open) -> None:
    store = opened()
    settle(store, Group(accepted=tuple(kept(number, (b"%d" % number,)) for number in (1, 2, 3))))
    again = opened()
    first, *_ = again.recover()
    settle(again, Group(accepted=(kept(again.first_key, (b"own",)),), ended=(first.key,)))
    third = opened()
    *_, last = third.recover()
    assert last.body == (b"own",)
    settle(third, Group(ended=(last.key,)))
    assert [one.body for one in recovered(opened())] == [(b"2",), (b"3",)]


def test_a_request_that_had_an_attempt_more_has_it_after_a_new_start(opened: Open) -> None:
    store = opened()
    settle(store, Group(accepted=(kept(1, call=b"an id of 12 b"),)))
    more = kept(1, call=b"an id of 12 b")._replace(attempts=3)
    settle(store, Group(attempts=(more,)))
    assert recovered(opened()) == [more]


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


def test_an_answer_that_nobody_wants_is_forgotten(opened: Open) -> None:
    store = opened()
    answers = tuple(Answer(id, time.time() + 60, "", (b"reply",)) for id in (b"one", b"two"))
    settle(store, Group(answers=answers))
    settle(store, Group(forgotten=(b"one", b"none")))
    assert set(settle(store, Group(asked=(b"one", b"two"))).answers) == {b"two"}
    assert set(settle(opened(), Group(asked=(b"one", b"two"))).answers) == {b"two"}


def test_an_answer_and_the_end_of_its_request_are_one_group(opened: Open) -> None:
    store = opened()
    settle(store, Group(accepted=(kept(1, call=b"an id of 12 b"),)))
    answer = Answer(b"an id of 12 b", time.time() + 1000, "", (b"reply",))
    settle(store, Group(answers=(answer,), ended=(1,)))
    again = opened()
    assert recovered(again) == []
    assert settle(again, Group(asked=(answer.call,))).answers == {answer.call: answer}


def test_the_number_of_a_dead_letter_is_not_given_out_again(opened: Open) -> None:
    store = opened()
    dead = Dead(7, None, b"echo", "attempts", 1000.0, (b"poison",))
    settle(store, Group(dead=(dead,)))
    again = opened()
    assert recovered(again) == []
    assert again.first_key > 7


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
