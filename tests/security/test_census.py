"""The census: connections by side and address; who is over the limit, and who is far over it."""

from __future__ import annotations

import socket

from hypothesis import given
from hypothesis import strategies as st

from zmqdev.security.connections import Census, cut


def test_a_peer_over_the_limit_of_its_address_is_told_so() -> None:
    census = Census(per_address=2)
    for descriptor in range(3):
        assert census.opened(descriptor, f"tcp://10.0.0.1:{descriptor}") is None
    assert census.crowded("10.0.0.1") == "10.0.0.1 has its 2 connections"
    assert census.crowded("10.0.0.2") is None
    census.closed(0)
    assert census.crowded("10.0.0.1") is None


def test_far_over_the_limit_a_connection_is_to_be_cut() -> None:
    census = Census(per_address=2)
    told = [census.opened(number, "tcp://10.0.0.1:1") for number in range(11)]
    assert told[:10] == [None] * 10
    assert told[10] == "10.0.0.1 has its 2 connections"


def test_a_side_has_a_limit_for_all_addresses() -> None:
    census = Census(per_side=2)
    for number in range(3):
        census.opened(number, f"tcp://10.0.0.{number}:1")
    assert census.crowded("10.0.0.9") == "this side has its 2 connections"


def test_peers_of_this_machine_share_no_address() -> None:
    census = Census(per_address=1)
    for number in range(5):
        census.opened(number, "")
    assert census.crowded("localhost:0:0:77") is None
    assert census.count() == 5


def test_one_peer_on_both_families_is_one_address() -> None:
    census = Census(per_address=1)
    census.opened(1, "tcp://[::ffff:10.0.0.1]:5")
    census.opened(2, "tcp://10.0.0.1:6")
    assert census.crowded("::ffff:10.0.0.1") == "10.0.0.1 has its 1 connections"


def test_a_descriptor_that_is_used_again_is_one_connection() -> None:
    census = Census(per_side=1)
    census.opened(7, "tcp://10.0.0.1:1")
    census.opened(7, "tcp://10.0.0.2:1")
    assert census.count() == 1
    assert census.generation(7) == 2
    assert census.crowded("10.0.0.2") is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 3)), max_size=60))
def test_counts_are_those_of_the_open_descriptors(
    steps: list[tuple[bool, int, int]],
) -> None:
    census, model = Census(), {}
    for opens, descriptor, host in steps:
        if opens:
            census.opened(descriptor, f"tcp://10.0.0.{host}:1")
            model[descriptor] = f"10.0.0.{host}"
        else:
            census.closed(descriptor)
            model.pop(descriptor, None)
    assert census.count() == len(model)
    wanted = {host: list(model.values()).count(host) for host in model.values()}
    assert dict(census._by_address) == wanted


def test_a_cut_connection_is_at_its_end_and_the_owner_keeps_its_descriptor() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert cut(ours.fileno())
        assert theirs.recv(1) == b""
        assert ours.fileno() >= 0
    assert not cut(ours.fileno())
