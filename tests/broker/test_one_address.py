"""Clients and workers at one address: who is who, from the frames alone."""

from __future__ import annotations

import pytest
from support.majordomo import Play

from zmqdev.broker.token import Tokens
from zmqdev.wire.dialect import MAJORTOMO, MDP_01, MDP_02, PPP, PPP_TEXT, REQ, Dialect, DialectVerb

ALL = [MDP_01, MDP_02, MAJORTOMO, PPP, PPP_TEXT, REQ]


class Shared(Play):
    """All that is said comes the same way."""

    def client(self, *frames: bytes) -> None:
        self.broker.receive_both([list(frames)], self.now)
        self.collect()

    worker = client


@pytest.mark.parametrize("dialect", ALL, ids=lambda row: row.name)
def test_workers_and_clients_of_each_kind_are_told_apart(dialect: Dialect) -> None:
    play = Shared(service="echo")
    play.ready(b"w", dialect=dialect)
    play.client(b"a", b"", b"MDPC01", b"echo", b"1")
    play.reply(b"w", b"one", token=play.token(b"w", dialect), dialect=dialect)
    play.client(b"b", b"MDPC02", b"\x01", b"echo", b"2")
    play.reply(b"w", b"two", token=play.token(b"w", dialect), dialect=dialect)
    play.client(b"c", b"", b"3")
    play.reply(b"w", b"three", token=play.token(b"w", dialect), dialect=dialect)
    play.client(b"d", b"id", b"", b"4", b"5")
    play.reply(b"w", b"four", token=play.token(b"w", dialect), dialect=dialect)
    assert play.replies_to(b"a") == [[b"", b"MDPC01", b"echo", b"one"]]
    assert play.replies_to(b"b") == [[b"MDPC02", b"\x03", b"echo", b"two"]]
    assert play.replies_to(b"c") == [[b"", b"three"]]
    assert play.replies_to(b"d") == [[b"id", b"", b"four"]]
    assert play.counts["malformed_workers"] == play.counts["malformed_clients"] == 0


@pytest.mark.parametrize("token", [Tokens(b"other").make(7), Tokens(b"testrun").make(7)])
def test_a_late_reply_of_a_pirate_is_no_request(token: bytes) -> None:
    """Taken for one, its reply would be the pirate's next request, and so on without end."""
    play = Shared()
    play.worker(b"pirate", token, b"", b"late")
    assert play.counts["requests"] == 0
    assert play.replies_to(b"pirate") == []


def test_a_late_reply_of_a_req_worker_makes_it_ready() -> None:
    play = Shared(service="echo")
    play.worker(b"w", b"", Tokens(b"other").make(7), b"", b"late")
    assert play.counts["requests"] == 0
    play.ask(b"hello")
    assert len(play.work_of(b"w", REQ)) == 1


def test_a_request_of_one_frame_is_a_request() -> None:
    play = Shared(service="echo")
    play.client(b"c", b"", b"Hi Boss")
    assert play.counts["requests"] == 1
    assert play.counts["registered"] == 0


def test_a_stranger_with_a_workers_header_is_told_to_disconnect() -> None:
    play = Shared()
    play.worker(b"w", b"", b"MDPW01", b"\x04")
    assert play.verbs_to(b"w") == [DialectVerb.DISCONNECT]


def test_a_message_that_is_neither_is_counted() -> None:
    play = Shared()
    play.client(b"c")
    play.client(b"c", b"MDPW01", b"x")
    play.client(b"c", b"", b"MDPC01", b"echo")
    assert play.counts["malformed_clients"] == 2
    assert play.counts["malformed_workers"] == 1
