"""What the log says of peers that fail again and again."""

from __future__ import annotations

import logging
from typing import cast

import pytest
import zmq

from zmqdev.device.peer_log import FIRST_PAUSE, MOST_PLACES, Complaints, PeerLog, hint
from zmqdev.device.socket import OpenSocket
from zmqdev.device.tally import MISMATCH, NO_REASON, PeerEvent
from zmqdev.stats.snapshot import AddressState

ADDRESS = "tcp://127.0.0.1:5555"
MECHANISM = "the two sides use different security mechanisms"


def opened(type_: str, *addresses: AddressState) -> OpenSocket:
    """A socket that was never made: only what is written of it counts here."""
    return OpenSocket("frontend", type_, cast("zmq.Socket[bytes]", None), addresses=addresses)


def test_a_failure_is_told_once_and_then_with_growing_pauses() -> None:
    complaints = Complaints()
    told = [
        (second, said)
        for second in range(200)
        if (said := complaints.failed(ADDRESS, MISMATCH, float(second))) is not None
    ]
    assert told == [
        (0, ""),
        (10, " (10 more in 10 s)"),
        (30, " (20 more in 20 s)"),
        (70, " (40 more in 40 s)"),
        (150, " (80 more in 80 s)"),
    ]


def test_what_is_doubtful_is_told_when_it_comes_again() -> None:
    complaints = Complaints()
    told = [
        complaints.failed(ADDRESS, MISMATCH, float(second), doubtful=True) for second in range(12)
    ]
    assert told == [None, "", *[None] * 9, " (10 more in 10 s)"]
    complaints.succeeded(ADDRESS)
    assert complaints.failed(ADDRESS, MISMATCH, 20.0, doubtful=True) is None


def test_after_a_success_the_next_failure_is_news() -> None:
    complaints = Complaints()
    assert complaints.failed(ADDRESS, MISMATCH, 0.0) == ""
    assert complaints.failed(ADDRESS, MISMATCH, 1.0) is None
    complaints.succeeded(ADDRESS)
    assert complaints.failed(ADDRESS, MISMATCH, 2.0) == ""


def test_after_a_long_silence_the_next_failure_is_news() -> None:
    complaints = Complaints()
    complaints.failed(ADDRESS, MISMATCH, 0.0)
    assert complaints.failed(ADDRESS, MISMATCH, 4 * FIRST_PAUSE) == ""


def test_another_reason_and_another_place_are_news() -> None:
    complaints = Complaints()
    complaints.failed(ADDRESS, MISMATCH, 0.0)
    assert complaints.failed(ADDRESS, MECHANISM, 0.0) == ""
    assert complaints.failed("tcp://127.0.0.1:5556", MISMATCH, 0.0) == ""


def test_strangers_from_everywhere_do_not_fill_the_memory() -> None:
    complaints = Complaints()
    for number in range(2 * MOST_PLACES):
        complaints.failed(f"tcp://10.0.0.{number}", MISMATCH, 0.0)
    assert len(complaints._rows) == MOST_PLACES


def test_the_hint_names_the_types_that_fit_and_the_probe() -> None:
    event = PeerEvent("failed", ADDRESS, MISMATCH)
    assert hint("PULL", event, connects=True) == (
        f"; a PULL talks to PUSH; `zmqdev probe {ADDRESS}` says what is there"
    )
    assert hint("PULL", event, connects=False) == "; a PULL talks to PUSH"
    ended = PeerEvent("failed", ADDRESS, NO_REASON)
    assert hint("PULL", ended, connects=False) == (
        "; a PULL talks to PUSH, with the same security on both sides"
    )
    mechanism = PeerEvent("failed", ADDRESS, MECHANISM)
    assert hint("SUB", mechanism, connects=True) == (
        f"; `zmqdev probe {ADDRESS}` says what is there"
    )
    refused = PeerEvent("failed", ADDRESS, "authentication: refused by the server")
    assert hint("SUB", refused, connects=True) == ""


def test_failures_from_changing_ports_of_one_host_are_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "zmqdev")
    peers = PeerLog("queue frontend", opened("ROUTER"), clock=lambda: 0.0)
    for port in range(40_000, 40_010):
        peers.tell(PeerEvent("failed", f"tcp://10.0.0.1:{port}", MISMATCH))
    peers.tell(PeerEvent("connected", "tcp://10.0.0.1:50000"))
    assert [record.getMessage() for record in caplog.records] == [
        f"queue frontend: tcp://10.0.0.1:40000: {MISMATCH}; a ROUTER talks to DEALER, REQ, ROUTER",
        "queue frontend: tcp://10.0.0.1:50000 connected",
    ]


def test_where_a_socket_connects_to_a_success_makes_failures_news_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    there = AddressState("connect", ADDRESS, ADDRESS)
    peers = PeerLog("sub", opened("SUB", there), clock=lambda: 0.0)
    for what in ("failed", "failed", "failed", "connected", "failed", "failed"):
        peers.tell(PeerEvent(what, ADDRESS, MISMATCH))
    assert caplog.text.count("a SUB talks to PUB, XPUB; `zmqdev probe tcp://127.0.0.1:5555`") == 2


def test_a_peer_that_stops_while_it_is_connected_to_is_no_wrong_pair(
    caplog: pytest.LogCaptureFixture,
) -> None:
    there = AddressState("connect", ADDRESS, ADDRESS)
    peers = PeerLog("sub", opened("SUB", there), clock=lambda: 0.0)
    for what in ("connected", "failed", "connected", "failed", "connected"):
        peers.tell(PeerEvent(what, ADDRESS, MISMATCH))
    assert caplog.text == ""
    peers.tell(PeerEvent("failed", ADDRESS, MECHANISM))
    assert "use different security mechanisms" in caplog.text
