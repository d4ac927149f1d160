"""The census: connections by side and holder, and which one pays when they are too many."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.security.connections import Census, Excess, holder
from zmqdev.system.descriptor import Connection, inode_of, look_at

Pair = tuple[socket.socket, socket.socket]


def tcp(descriptor: int, host: str = "10.0.0.1") -> Connection:
    return Connection(descriptor, descriptor + 1000, f"tcp://{host}:{descriptor + 1}")


def paid(excess: Excess | None) -> int | None:
    return excess.connection.descriptor if excess else None


def test_an_address_has_so_many_and_its_next_one_pays() -> None:
    census = Census(per_address=2)
    assert [paid(census.opened(tcp(number))) for number in range(4)] == [None, None, 2, 3]
    assert paid(census.opened(tcp(9, "10.0.0.2"))) is None
    census.closed(0)
    assert paid(census.opened(tcp(0))) is None, "there is room again"
    assert census.count() == 3


def test_the_reason_names_the_limit() -> None:
    census = Census(per_address=1)
    census.opened(tcp(1))
    excess = census.opened(tcp(2))
    assert excess is not None
    assert excess.why == "10.0.0.1 has reached its limit of 1 connections"


def test_one_that_fills_a_side_pays_for_a_newcomer() -> None:
    """The newest of its connections: what has been at work the longest goes on."""
    census = Census(per_side=6)
    for number in range(4):
        census.opened(tcp(number, "10.0.0.66"))
    census.opened(tcp(4, "10.0.0.2"))
    census.opened(tcp(5, "10.0.0.3"))
    excess = census.opened(tcp(6, "10.0.0.4"))
    assert paid(excess) == 3
    assert excess is not None
    limit = "this side has reached its limit of 6 connections"
    assert excess.why == f"{limit}; 10.0.0.66 has most of them, 4"
    assert paid(census.opened(tcp(7, "10.0.0.66"))) == 7, "it comes again, and pays again"
    assert paid(census.opened(tcp(8, "10.0.0.5"))) == 2


def test_where_all_have_as_many_the_newcomer_pays() -> None:
    census = Census(per_side=3)
    for number in range(3):
        assert paid(census.opened(tcp(number, f"10.0.0.{number}"))) is None
    assert paid(census.opened(tcp(3, "10.0.0.9"))) == 3


def test_descriptors_are_a_limit_too() -> None:
    room = [2]
    census = Census(per_side=100, room=lambda: room[0])
    assert [paid(census.opened(tcp(number))) for number in range(3)] == [None, None, 2]
    excess = census.opened(tcp(4))
    assert excess is not None
    assert "descriptors" in excess.why
    room[0] = 50
    assert paid(census.opened(tcp(5))) is None


def test_local_peers_are_counted_by_process_and_only_the_side_limits_them() -> None:
    census = Census(per_address=1, per_side=5)
    for number in range(4):
        assert paid(census.opened(Connection(number, number, "", process=77))) is None
    assert paid(census.opened(Connection(5, 5, "", process=78))) is None
    assert paid(census.opened(Connection(6, 6, "", process=79))) == 3


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("tcp://10.0.0.1:5", "10.0.0.1"),
        ("tcp://[::ffff:10.0.0.1]:6", "10.0.0.1"),
        ("tcp://[2001:db8::1:2:3:4]:5", "2001:db8::/64"),
        ("tcp://[fe80::1%eth0]:5", "fe80::/64"),
        ("tcp://[::1]:5", "::1"),
    ],
)
def test_a_holder_is_an_address_or_a_network_that_one_machine_has(address: str, found: str) -> None:
    assert holder(Connection(3, 3, address)) == found


def test_a_descriptor_that_is_used_again_is_another_connection() -> None:
    census = Census(per_side=1)
    census.opened(tcp(7))
    census.opened(tcp(7, "10.0.0.2"))
    assert (census.count(), census.generation(7)) == (1, 2)


STEP = st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 3))


@given(st.lists(STEP, max_size=60))
def test_counts_are_those_of_the_open_descriptors(steps: list[tuple[bool, int, int]]) -> None:
    census, model = Census(), {}
    for opens, descriptor, host in steps:
        if opens:
            census.opened(tcp(descriptor, f"10.0.0.{host}"))
            model[descriptor] = f"10.0.0.{host}"
        else:
            census.closed(descriptor)
            model.pop(descriptor, None)
    assert census.count() == len(model)
    wanted = {host: list(model.values()).count(host) for host in model.values()}
    assert {host: len(numbers) for host, numbers in census._held.items()} == wanted
    sizes = list(wanted.values())
    assert dict(census._sizes) == {size: sizes.count(size) for size in sizes}


@given(st.lists(STEP, max_size=60), st.integers(1, 6), st.integers(1, 6))
def test_nothing_is_ever_above_a_limit(
    steps: list[tuple[bool, int, int]], side: int, each: int
) -> None:
    census = Census(side, each)
    for opens, descriptor, host in steps:
        if opens:
            census.opened(tcp(descriptor, f"10.0.0.{host}"))
        else:
            census.closed(descriptor)
        assert census.count() <= side
        assert all(len(numbers) <= each for numbers in census._held.values())


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def found(connection: socket.socket) -> Connection:
    seen, copy = look_at(connection.fileno())
    assert copy is not None
    copy.close()
    return seen


def test_a_cut_connection_is_at_its_end_and_the_owner_keeps_its_descriptor(pair: Pair) -> None:
    ours, theirs = pair
    seen = found(ours)
    assert seen.process == os.getpid()
    assert seen.cut()
    assert theirs.recv(1) == b""
    assert ours.fileno() >= 0
    ours.close()
    assert not seen.cut()


def test_whoever_has_the_number_next_is_left_alone(pair: Pair) -> None:
    """A peer resets at once, and its descriptor is the next peer's."""
    ours, _ = pair
    seen = found(ours)
    near, far = socket.socketpair()
    with near, far:
        os.dup2(near.fileno(), ours.fileno())
        assert inode_of(ours.fileno()) == inode_of(near.fileno())
        assert not seen.cut()
        far.setblocking(False)
        with pytest.raises(BlockingIOError):
            far.recv(1)


def test_what_had_ended_before_it_was_seen_cuts_nothing(pair: Pair) -> None:
    ours, _ = pair
    assert not Connection(ours.fileno()).cut()
