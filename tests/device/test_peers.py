from __future__ import annotations

import os
import socket as sockets
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st
from support import rawpeer

from zmqdev.device.hangup import HangupEnd
from zmqdev.device.peers import PeerWatch
from zmqdev.device.tally import (
    BROKEN,
    EITHER,
    GIVEN_UP,
    MISMATCH,
    NO_REASON,
    OLD,
    TOO_OLD,
    TYPES,
    PeerEvent,
    Tally,
)
from zmqdev.device.unreached import look_at

OPEN, SHAKEN, ENDED = zmq.EVENT_ACCEPTED, zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_DISCONNECTED
MADE, RETRIED = zmq.EVENT_CONNECTED, zmq.EVENT_CONNECT_RETRIED
UNSAID = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
FAILED = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
HERE = "tcp://127.0.0.1:1"


def fed(*events: tuple[int, int]) -> Tally:
    tally = Tally()
    for number, value in events:
        tally.take(number, value, HERE)
    return tally


def test_a_connection_counts_from_its_handshake_on() -> None:
    tally = fed((OPEN, 7))
    assert tally.counts().connected == 0
    tally = fed((OPEN, 7), (SHAKEN, 0))
    assert tally.counts().connected == 1
    tally = fed((OPEN, 7), (SHAKEN, 0), (ENDED, 7))
    assert (tally.counts().connected, tally.counts().disconnects) == (0, 1)


def test_a_failed_handshake_is_counted_once_with_its_reason() -> None:
    counts = fed(
        (OPEN, 7), (FAILED, zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH), (ENDED, 7)
    ).counts()
    assert (counts.failed_handshakes, counts.disconnects, counts.connected) == (1, 0, 0)
    assert list(counts.reasons) == ["the two sides use different security mechanisms"]


def test_an_end_before_the_handshake_does_not_take_away_a_good_peer() -> None:
    counts = fed((OPEN, 7), (SHAKEN, 0), (OPEN, 8), (ENDED, 8)).counts()
    assert (counts.connected, counts.failed_handshakes) == (1, 1)
    assert counts.reasons == {MISMATCH: 1}


def test_who_comes_and_goes_beside_a_silent_stranger_has_not_failed() -> None:
    """A load balancer's check, a scanner: it opens a connection and says nothing for seconds."""
    tally = fed((OPEN, 7), (OPEN, 8), (SHAKEN, 0), (ENDED, 8), (OPEN, 8), (SHAKEN, 0), (ENDED, 8))
    assert (tally.counts().failed_handshakes, tally.counts().disconnects) == (0, 2)
    counts = fed((OPEN, 7), (OPEN, 8), (SHAKEN, 0), (ENDED, 7)).counts()
    assert (counts.connected, counts.failed_handshakes) == (1, 1)


def test_a_failure_puts_a_wrong_guess_right() -> None:
    counts = fed((OPEN, 7), (OPEN, 8), (SHAKEN, 0), (FAILED, 0), (ENDED, 8)).counts()
    assert (counts.connected, counts.failed_handshakes, counts.disconnects) == (1, 1, 0)


def test_a_connection_of_ours_that_libzmq_gives_up_is_said_to_have_failed_once() -> None:
    tally = fed((MADE, 7), (SHAKEN, 0), (ENDED, 7))
    assert tally.given_up(GIVEN_UP / 2) == []
    assert tally.given_up(GIVEN_UP * 2) == [PeerEvent("failed", HERE, BROKEN)]
    assert tally.given_up(GIVEN_UP * 3) == []
    assert tally.counts().failed_handshakes == 0


@pytest.mark.parametrize("then", [(RETRIED, 100), (MADE, 8)])
def test_a_connection_that_libzmq_makes_again_has_not_failed(then: tuple[int, int]) -> None:
    assert fed((MADE, 7), (SHAKEN, 0), (ENDED, 7), then).given_up(100) == []


def test_who_left_of_his_own_is_not_waited_for() -> None:
    assert fed((OPEN, 7), (SHAKEN, 0), (ENDED, 7)).given_up(100) == []


def test_a_storm_of_bad_handshakes_is_put_right_by_what_is_sure() -> None:
    """A guess that took the good peer for one that left does not last."""
    tally = fed((OPEN, 7), (SHAKEN, 0), (OPEN, 8), (OPEN, 9), (SHAKEN, 0))
    tally.take(ENDED, 8, "tcp://x")
    tally.take(ENDED, 9, "tcp://x")
    assert tally.counts(now=100.0).connected == 1
    assert fed((SHAKEN, 0)).counts().connected == 0


def test_an_old_peer_is_connected_though_no_success_is_told_of_it() -> None:
    tally = fed((OPEN, 7))
    assert tally.old(7) == PeerEvent("connected", HERE, note=OLD)
    assert tally.old(7) is None
    assert tally.take(UNSAID, 0, HERE) is None
    assert tally.take(ENDED, 7, HERE) == PeerEvent("disconnected", HERE)
    counts = tally.counts()
    assert (counts.accepted, counts.disconnects, counts.failed_handshakes) == (1, 1, 0)


@pytest.mark.parametrize(("sent", "received"), [(12, 14), (14, 400), (10, 10), (10, 18)])
def test_an_old_peer_that_comes_and_goes_at_once_has_not_failed(sent: int, received: int) -> None:
    tally = fed((OPEN, 7), (UNSAID, 0))
    event = tally.take(ENDED, 7, HERE, ending=HangupEnd(False, sent, received))
    assert event == PeerEvent("disconnected", HERE)
    assert (tally.counts().accepted, tally.counts().failed_handshakes) == (1, 0)


@pytest.mark.parametrize(
    ("sent", "received"), [(10, 0), (10, 9), (11, 10), (11, 11), (64, 64), (91, 14), (12, 12)]
)
def test_a_peer_of_zmtp_3_that_leaves_in_its_handshake_has_failed(sent: int, received: int) -> None:
    tally = fed((OPEN, 7), (UNSAID, 0))
    event = tally.take(ENDED, 7, HERE, ending=HangupEnd(False, sent, received))
    assert event == PeerEvent("failed", HERE, NO_REASON)


@pytest.mark.parametrize(
    ("asks", "ending", "reason"),
    [
        (True, HangupEnd(True, 10, 14), TOO_OLD),
        (True, HangupEnd(True, 11, 2), TOO_OLD),
        (True, HangupEnd(True, 91, 96), TYPES),
        (True, HangupEnd(True, 10, 96), EITHER),
        (True, HangupEnd(), EITHER),
        (False, HangupEnd(True, 10, 96), TYPES),
        (False, HangupEnd(), MISMATCH),
    ],
)
def test_why_this_end_hung_up(asks: bool, ending: HangupEnd, reason: str) -> None:
    tally = Tally(asks=asks)
    tally.take(OPEN, 7, HERE)
    assert tally.take(ENDED, 7, HERE, ending=ending) == PeerEvent("failed", HERE, reason)


def test_a_host_name_and_the_number_that_it_stands_for_are_one_address() -> None:
    """libzmq says the name until it has resolved it, and the number from then on."""
    name, number = "tcp://localhost:1", HERE
    tally = Tally()
    tally.take(MADE, 7, name, number)
    tally.take(SHAKEN, 0, name)
    assert tally.take(ENDED, 7, name) == PeerEvent("disconnected", name)
    tally.take(RETRIED, 100, number)
    assert tally.given_up(100) == []
    tally.take(MADE, 7, number, number)
    assert tally.take(SHAKEN, 0, number) == PeerEvent("connected", name)
    tally.take(ENDED, 7, number)
    assert tally.given_up(100) == [PeerEvent("failed", name, BROKEN)]


def test_who_comes_is_called_by_its_own_address() -> None:
    tally = Tally()
    tally.take(OPEN, 7, HERE, "tcp://10.0.0.1:4000")
    assert tally.take(SHAKEN, 0, HERE) == PeerEvent("connected", "tcp://10.0.0.1:4000")


@given(
    st.lists(
        st.tuples(st.sampled_from([OPEN, SHAKEN, ENDED, FAILED]), st.integers(0, 5)), max_size=60
    )
)
def test_counts_never_go_below_zero_whatever_comes(events: list[tuple[int, int]]) -> None:
    counts = fed(*events).counts()
    assert counts.connected >= 0
    assert counts.accepted == counts.connected + counts.disconnects


Context = zmq.Context[zmq.Socket[bytes]]


@pytest.fixture
def context() -> Iterator[Context]:
    made: Context = zmq.Context()
    made.setsockopt(zmq.LINGER, 0)
    yield made
    made.destroy(linger=0)


def drained_until(
    watch: PeerWatch,
    condition: Callable[[], bool],
    tell: Callable[[PeerEvent], None] = lambda event: None,
) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, watch.counts
        watch.pair.poll(50)
        watch.drain(tell)


def test_real_peers_come_and_go_with_their_addresses(context: Context) -> None:
    router = context.socket(zmq.ROUTER)
    watch = PeerWatch(router)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    peers = [context.socket(zmq.DEALER) for _ in range(3)]
    for peer in peers:
        peer.connect(f"tcp://127.0.0.1:{port}")
    drained_until(watch, lambda: watch.counts.connected == 3)
    assert len(set(watch.counts.addresses)) == 3
    assert f"tcp://127.0.0.1:{port}" not in watch.counts.addresses
    peers[0].close(0)
    drained_until(watch, lambda: watch.counts.disconnects == 1)
    assert watch.counts.connected == 2
    wrong = context.socket(zmq.SUB)
    wrong.connect(f"tcp://127.0.0.1:{port}")
    drained_until(watch, lambda: watch.counts.failed_handshakes > 0)
    assert watch.counts.connected == 2
    watch.disable()
    watch.close()


def test_who_looks_if_something_listens_and_says_nothing_has_not_failed(context: Context) -> None:
    """As unreached.py does, and the checks of a load balancer."""
    server = context.socket(zmq.PULL)
    server.bind("tcp://127.0.0.1:*")
    address = server.getsockopt_string(zmq.LAST_ENDPOINT)
    watch = PeerWatch(server)
    told: list[PeerEvent] = []
    looking = threading.Thread(target=look_at, args=(address,))
    looking.start()
    drained_until(watch, lambda: bool(watch.connections()))
    drained_until(watch, lambda: not watch.connections(), told.append)
    looking.join()
    with rawpeer.connect(address) as peer:
        drained_until(watch, lambda: bool(watch.connections()))
        peer.sendall(b"\xff\0\0")
    drained_until(watch, lambda: bool(watch.counts.failed_handshakes), told.append)
    assert [(event.what, event.reason) for event in told] == [("failed", NO_REASON)]
    assert watch.counts.failed_handshakes == 1
    watch.disable()
    watch.close()


def test_a_turn_takes_a_part_of_a_storm_and_leaves_the_rest(context: Context) -> None:
    """What else the loop does, answering above all, does not wait for the end of the storm."""
    router = context.socket(zmq.ROUTER)
    watch = PeerWatch(router)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    for _ in range(100):
        sockets.create_connection(("127.0.0.1", port)).close()
    late = context.socket(zmq.DEALER)
    late.connect(f"tcp://127.0.0.1:{port}")
    late.send(b"here")
    assert router.poll(60_000)  # connections are accepted in turn: the monitor has told of all
    assert watch.drain(most=50)
    assert watch.behind
    drained_until(watch, lambda: watch.counts.failed_handshakes + watch.counts.disconnects == 100)
    watch.disable()
    watch.close()


def test_two_thousand_connections_do_not_freeze_the_context(context: Context) -> None:
    """An unread monitor would stop it after about 700; this one is read, but late.

    Late means that the descriptors it names are other files by then; none of them leaks.
    """
    before = len(os.listdir("/proc/self/fd"))
    router = context.socket(zmq.ROUTER)
    watch = PeerWatch(router)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    for _ in range(40):
        batch = [context.socket(zmq.DEALER) for _ in range(50)]
        for peer in batch:
            peer.connect(f"tcp://127.0.0.1:{port}")
            peer.send(b"here")
        for _ in batch:
            assert router.poll(60_000)
            router.recv_multipart()
        for peer in batch:
            peer.close(0)
    drained_until(watch, lambda: watch.counts.accepted == 2000)
    watch.disable()
    watch.close()
    context.destroy(linger=0)
    assert len(os.listdir("/proc/self/fd")) <= before + 10
