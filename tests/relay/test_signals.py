"""No signal loses or splits a message, resets a counter or ends a run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import zmq

MESSAGES = 10_000
Receive = Callable[[Any], list[bytes]]


@contextmanager
def storm(target: int) -> Iterator[list[int]]:
    """Signals with a Python handler, thousands a second, for one thread; those sent.

    SIGURG, because a late one is ignored once its handler is gone.
    """
    sent: list[int] = []
    over = threading.Event()
    before = signal.signal(signal.SIGURG, lambda number, frame: None)

    def blow() -> None:
        while not over.wait(0.0001):
            signal.pthread_kill(target, signal.SIGURG)
            sent.append(signal.SIGURG)

    thread = threading.Thread(target=blow)
    thread.start()
    try:
        yield sent
    finally:
        over.set()
        thread.join()
        signal.signal(signal.SIGURG, before)


def traffic(
    bench: Any, sent: list[int], until: Any, then: Callable[[], None]
) -> tuple[threading.Thread, list[list[bytes]]]:
    """A thread that sends and receives three-frame messages through small pipes.

    Before each hundred messages it waits for one more signal, so that the storm
    lasts as long as the traffic on a machine of any speed.
    """
    sender = bench.peer(zmq.PUSH, bench.frontend, sndhwm=50)
    receiver = bench.peer(zmq.PULL, bench.backend, rcvhwm=50)
    arrived: list[list[bytes]] = []

    def send_all() -> None:
        for number in range(MESSAGES):
            if number % 100 == 0:
                until(lambda number=number: len(sent) > number // 100)
            sender.send_multipart([b"A", b"%d" % number, b"C"])

    def exchange() -> None:
        sending = threading.Thread(target=send_all)
        sending.start()
        while len(arrived) < MESSAGES and receiver.poll(60_000):
            arrived.extend(bench.half.recv_burst(receiver, 1000))
        sending.join()
        then()

    thread = threading.Thread(target=exchange)
    thread.start()
    return thread, arrived


def small_pipes(bench: Any) -> None:
    bench.one_way(tcp=1, frontend_rcvhwm=50, backend_sndhwm=50)


def whole() -> list[list[bytes]]:
    return [[b"A", b"%d" % number, b"C"] for number in range(MESSAGES)]


def test_a_storm_on_the_main_thread_that_runs_it(bench: Any, until: Any) -> None:
    small_pipes(bench)
    with storm(threading.main_thread().ident or 0) as sent:
        thread, arrived = traffic(bench, sent, until, then=bench.ring)
        assert bench.relay.run() is True
        thread.join()
    assert arrived == whole()
    assert bench.forward()["messages"] == MESSAGES


def test_a_storm_on_the_thread_of_its_own_that_runs_it(bench: Any, until: Any) -> None:
    results: list[bool] = []
    passed = threading.Event()
    small_pipes(bench)
    running = threading.Thread(target=lambda: results.append(bench.relay.run()))
    running.start()
    with storm(running.ident or 0) as sent:
        thread, arrived = traffic(bench, sent, until, then=passed.set)
        passed.wait()
    bench.ring()
    running.join()
    thread.join()
    assert arrived == whole()
    assert bench.forward()["messages"] == MESSAGES
    assert results == [True]


def test_handlers_run_while_the_main_thread_waits_in_it(bench: Any, until: Any) -> None:
    bench.one_way()
    before = signal.signal(signal.SIGURG, lambda number, frame: bench.ring())

    def interrupt() -> None:
        until(lambda: bench.counters.turns > 0)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGURG)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        assert bench.relay.run(limit_ms=10_000) is True
    finally:
        thread.join()
        signal.signal(signal.SIGURG, before)


def test_a_handler_that_raises_ends_the_run_and_keeps_what_is_held(
    bench: Any, until: Any, receive: Receive
) -> None:
    bench.one_way()
    bench.peer(zmq.PUSH, bench.frontend).send_multipart([b"held", b"whole"])

    def interrupt() -> None:
        until(lambda: bench.forward()["blocked_ns"] > 0)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            bench.relay.run(limit_ms=10_000)
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)
    assert bench.relay.held == (True, False)
    receiver = bench.peer(zmq.PULL, bench.backend)
    assert bench.relay.run(until_idle=True) is False
    assert receive(receiver) == [b"held", b"whole"]


def test_bursts_survive_a_storm(half: Any, context: Any, until: Any) -> None:
    sender, receiver = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    sender.bind("tcp://127.0.0.1:*")
    receiver.connect(sender.getsockopt_string(zmq.LAST_ENDPOINT))
    until(lambda: sender.poll(0, zmq.POLLOUT))
    messages = whole()
    arrived: list[list[bytes]] = []
    sent = 0
    with storm(threading.main_thread().ident or 0):
        while len(arrived) < MESSAGES:
            accepted, _ = half.send_burst(sender, messages[sent : sent + 1000])
            sent += accepted
            arrived += half.recv_burst(receiver, 1000)
    assert arrived == messages
