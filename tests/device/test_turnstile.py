"""How many newcomers a listener accepts: with real sockets, and in figures."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import zmq
from support import rawpeer
from support.processes import until

from zmqdev.device import turnstile
from zmqdev.device.newcomers import keep_out
from zmqdev.device.peers import PeerWatch
from zmqdev.device.socket import OpenSocket, make
from zmqdev.device.turnstile import CAREFUL, LONG, Turnstile
from zmqdev.system import libzmq
from zmqdev.system.libzmq import Keeper

FREE = "tcp://127.0.0.1:*"
FIRST, MOST = turnstile.FIRST[Keeper.DATA], turnstile.MOST[Keeper.DATA]
guarded = pytest.mark.skipif(libzmq.why_unguarded() is not None, reason="the poll is not guarded")


class Side:
    """A PULL that is bound, and what is known of it."""

    def __init__(self, opened: OpenSocket) -> None:
        self.opened = opened
        self.watch = PeerWatch(opened.socket)
        self.peers: list[socket.socket] = []
        self.address = opened.bind(FREE).actual
        until(self._listens, "its listener is polled")

    def _listens(self) -> bool:
        self.watch.drain()
        self.places(9)
        return bool(self.watch.listeners()) and self.places(8) == 9

    def places(self, number: int) -> int:
        return libzmq.let_in(self.watch.listeners(), Keeper.DATA, number)

    def connect(self, number: int) -> None:
        self.peers += [rawpeer.connect(self.address) for _ in range(number)]

    def greeted(self) -> int:
        """How many were accepted: libzmq speaks first."""
        return sum(map(_is_greeted, self.peers))


def _is_greeted(peer: socket.socket) -> bool:
    peer.setblocking(False)
    try:
        return bool(peer.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


@pytest.fixture
def side(context: zmq.Context[Any]) -> Iterator[Side]:
    made = Side(make(context, "side", "PULL", {}))
    yield made
    for peer in made.peers:
        peer.close()
    made.watch.disable()
    made.watch.close()
    made.opened.close(0)


def stays(side: Side, number: int) -> bool:
    """No more come in while its socket is looked at."""
    for _ in range(5):
        side.opened.socket.poll(20)
        if side.greeted() != number:
            return False
    return True


@guarded
def test_newcomers_above_the_places_wait_and_are_let_in_later(side: Side) -> None:
    side.places(3)
    side.connect(8)
    until(lambda: side.greeted() == 3, "three are let in")
    assert stays(side, 3)
    assert side.places(2) == 0
    until(lambda: side.greeted() == 5, "two more")
    side.places(10)
    until(lambda: side.greeted() == 8, "and all")


@guarded
def test_each_keeper_has_to_let_them_in(side: Side) -> None:
    side.places(10)
    libzmq.let_in(side.watch.listeners(), Keeper.MONITOR, 1)
    side.connect(3)
    until(lambda: side.greeted() == 1, "one is let in")
    assert stays(side, 1)
    side.watch.drain()
    until(lambda: side.greeted() == 3, "the others when its monitor was read")


@guarded
def test_what_accepts_no_more_stays_so(side: Side) -> None:
    """Also when it waited for places at that moment."""
    side.places(0)
    side.connect(1)
    assert stays(side, 0)
    keep_out(side.opened, side.watch)
    side.places(10)
    assert stays(side, 0)


@guarded
def test_an_address_is_released_while_newcomers_wait_and_bound_again(side: Side) -> None:
    side.places(0)
    side.connect(1)
    assert stays(side, 0)
    (state,) = side.opened.addresses
    side.opened.release(state)
    until(lambda: not side.watch.listeners(), "it is closed")
    side.peers.clear()
    side.address = side.opened.bind(FREE).actual
    side.connect(3)
    until(lambda: side.greeted() == 3, "the next one has places of its own")


class Rounds:
    """Of one turnstile, in figures. `left`: places that the round before did not use."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._processor = self._now = 0.0
        self._given, self._left, self._ended = 0, 0, 0
        monkeypatch.setattr(turnstile.time, "thread_time", lambda: self._processor)
        monkeypatch.setattr(turnstile.time, "monotonic", lambda: self._now)
        monkeypatch.setattr(turnstile.libzmq, "let_in", self._let_in)
        monkeypatch.setattr(turnstile.libzmq, "ended", lambda: self._ended)
        self._turnstile = Turnstile(Keeper.DATA, lambda: (7,))

    def _let_in(self, listeners: tuple[int, ...], keeper: Keeper, most: int) -> int:
        self._given = most
        return self._left

    def next(self, seconds: float, left: int = 0, each: float = 0.0, ended: int = 1) -> int:
        with self._turnstile.work():
            self._processor += seconds
        self._left = left
        self._ended += ended
        self._turnstile.caught_up(each)
        return self._given

    def overran(self, seconds: float, ended: int) -> int:
        self._ended += ended
        self._turnstile.overran(seconds)
        return self.next(0.0, ended=0)

    def wait(self, seconds: float) -> None:
        self._now += seconds


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Rounds:
    return Rounds(monkeypatch)


def test_cheap_newcomers_come_in_ever_larger_numbers(rounds: Rounds) -> None:
    assert [rounds.next(0.0) for _ in range(5)] == [FIRST, 16, 32, MOST, MOST]
    rounds.next(0.0, left=1)
    assert rounds.next(0.0, left=1) == MOST, "others may come soon"
    rounds.wait(CAREFUL)
    rounds.next(0.0, left=1)
    assert rounds.next(0.0) == FIRST, "then few came"


def test_newcomers_that_cost_much_come_one_by_one(rounds: Rounds) -> None:
    assert [rounds.next(2 * LONG) for _ in range(5)] == [FIRST, 4, 2, 1, 1]
    assert [rounds.next(0.0, left=1) for _ in range(3)] == [1, 1, 1], "it stays careful"
    rounds.wait(CAREFUL)
    rounds.next(0.0, left=1)
    assert rounds.next(0.0) == FIRST


def test_those_that_come_and_stay_are_let_in_whatever_they_cost(rounds: Rounds) -> None:
    assert [rounds.next(1.0, ended=0) for _ in range(5)] == [FIRST, 16, 32, MOST, MOST]


def test_what_each_costs_is_a_limit_of_its_own(rounds: Rounds) -> None:
    assert rounds.next(0.0, each=LONG / 3) == 3
    assert rounds.next(0.0, each=LONG * 100) == 1


def test_a_long_run_of_the_relay_counts_when_some_have_gone(rounds: Rounds) -> None:
    assert [rounds.overran(1.0, ended=0) for _ in range(3)] == [FIRST, 16, 32]
    assert [rounds.overran(1.0, ended=1) for _ in range(3)] == [MOST, 32, 16]
    assert rounds.overran(-1.0, ended=1) == 8
    assert rounds.next(0.0) == 16
