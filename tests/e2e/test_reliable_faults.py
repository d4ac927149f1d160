"""Real programs, real faults: what a client of the reliable queue gets and does not get."""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq
from support import forked
from support.load import Load
from support.processes import Program, Start, until
from support.reliable import Queue, own_worker

from zmqdev.wire import call
from zmqdev.wire.majordomo import request_01

Hire = Callable[..., "subprocess.Popen[bytes]"]
PROTOCOLS = ("mdp-0.1", "mdp-0.2", "majortomo", "ppp")
KILLS = 20
# Seconds that a kill may cost 99 of 100 requests.
SLOWEST = 0.25
# A worker that is started takes processor time from the others, and so does a reply that is late.
SLOWER = 4


@pytest.fixture
def hire() -> Iterator[Hire]:
    """`hire(protocol, address, name)` starts a worker of `support.peers`."""
    hired: list[subprocess.Popen[bytes]] = []

    def begin(protocol: str, address: str, name: str, *more: str) -> subprocess.Popen[bytes]:
        hired.append(forked.peer([protocol, address, name, *more]))
        return hired[-1]

    yield begin
    for process in hired:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


def check(load: Load, least: int) -> None:
    """Every request had exactly one reply, and there were enough to mean something."""
    assert load.lost == set()
    assert load.duplicated == set()
    assert load.unexpected == set()
    assert load.answered >= least, "the load did not happen"


def gone(queue: Queue) -> int:
    """Workers missed so far; on a starved machine some for their silence before the kill."""
    return queue.count("lost") + queue.count("silent")


def calm_percentile(load: Load) -> float:
    """Seconds for 99 of 100 replies before anything is broken: what this machine needs."""
    until(lambda: load.answered > 300, "a calm load")
    return load.percentile(0.99)


def slowest(calm: float) -> float:
    """Seconds that a kill may take where a calm load takes so many."""
    return SLOWER * calm + SLOWEST


@pytest.mark.alone
def test_twenty_kills_lose_nothing_and_cost_little_time(start: Start, hire: Hire) -> None:
    load, calm = killed(start, hire, "mdp-0.1", KILLS)
    assert load.percentile(0.99) < slowest(calm)


@pytest.mark.parametrize("protocol", [*PROTOCOLS[1:], "ppp-text", "req"])
def test_kills_lose_nothing_in_any_protocol(start: Start, hire: Hire, protocol: str) -> None:
    """A death is noticed and made good in the same place, whatever a worker speaks."""
    killed(start, hire, protocol, KILLS // 2)


def killed(start: Start, hire: Hire, protocol: str, kills: int) -> tuple[Load, float]:
    """A load during which workers are killed, and its calm percentile. Nothing is lost."""
    queue = Queue(start)
    names = (f"w{number}" for number in itertools.count())
    crew = [hire(protocol, queue.backend, next(names)) for _ in range(4)]
    queue.settle(4)
    chance = random.Random(protocol)
    with Load(queue.frontend) as load:
        calm = calm_percentile(load)
        for number in range(1, kills + 1):
            before = load.answered
            until(lambda before=before: load.answered > before + 50, "load between kills")
            victim = crew.pop(chance.randrange(len(crew)))
            victim.kill()
            crew.append(hire(protocol, queue.backend, next(names)))
            until(lambda number=number: gone(queue) >= number, "the loss is noticed")
            queue.settle(4)
    check(load, least=50 * kills)
    assert queue.count("lost") > kills / 2, "a kill shows in the connection"
    assert queue.count("redispatched") > 0, "no kill hit a busy worker"
    return load, calm


@pytest.mark.alone
def test_kills_of_our_own_worker_lose_nothing(start: Start) -> None:
    kills = 8
    queue = Queue(start)
    crew = [own_worker(start, queue, "--delay", "2ms") for _ in range(4)]
    queue.settle(4)
    chance = random.Random(4)
    with Load(queue.frontend) as load:
        calm = calm_percentile(load)
        for number in range(1, kills + 1):
            before = load.answered
            until(lambda before=before: load.answered > before + 20, "load between kills")
            crew.pop(chance.randrange(len(crew))).process.kill()
            crew.append(own_worker(start, queue, "--delay", "2ms"))
            until(lambda number=number: gone(queue) >= number, "the loss is noticed")
            queue.settle(4)
    check(load, least=20 * kills)
    assert load.percentile(0.99) < slowest(calm)
    assert queue.count("redispatched") > kills / 2


@pytest.mark.alone
def test_kills_of_plain_workers_lose_nothing(start: Start, hire: Hire) -> None:
    """REP and DEALER, of which nothing is heard but replies: a death shows in a late reply."""
    queue = Queue(start, "--workers", "plain", "--busy-timeout", "100ms", "--max-attempts", "20")
    names = (f"w{number}" for number in itertools.count())
    kinds = itertools.cycle(("rep", "dealer"))
    crew = [hire(next(kinds), queue.backend, next(names)) for _ in range(4)]
    queue.settle(4)
    chance = random.Random(7)
    with Load(queue.frontend) as load:
        calm = calm_percentile(load)
        for number in range(1, KILLS + 1):
            before = load.answered
            until(lambda before=before: load.answered > before + 50, "load between kills")
            crew.pop(chance.randrange(len(crew))).kill()
            crew.append(hire(next(kinds), queue.backend, next(names)))
            until(lambda number=number: gone(queue) >= number, "the loss is noticed")
            queue.settle(4)
    check(load, least=50 * KILLS)
    assert load.percentile(0.99) < slowest(calm)
    assert queue.count("overran") > 0, "no kill hit a busy worker"


def test_busy_workers_that_freeze_lose_their_requests_to_another(start: Start) -> None:
    """One of each protocol, all at once."""
    beat = ("--heartbeat", "500ms")
    queue = Queue(start, *beat)
    # The frozen ones hold a request each; the other one is quick.
    slow = [own_worker(start, queue, *beat, "--delay", "3s", "--protocol", p) for p in PROTOCOLS]
    queue.settle(4)
    with Load(queue.frontend, clients=1, window=4, total=4) as load:
        until(lambda: queue.state()["in_flight"] == 4, "the requests are with the workers")
        for worker in slow:
            worker.signal(signal.SIGSTOP)
        own_worker(start, queue, *beat)
        until(lambda: load.answered == 4, "another worker's replies")
        until(lambda: queue.count("silent") == 4, "they were found silent")
        for worker in slow:
            worker.signal(signal.SIGCONT)
        queue.settle(5)
    check(load, least=4)
    assert queue.count("redispatched") == 4
    assert queue.count("replies") == 4


def test_a_worker_that_hangs_is_found_by_its_missing_heartbeats(start: Start) -> None:
    queue = Queue(start, "--heartbeat", "400ms")
    own_worker(start, queue, "--heartbeat", "200ms", "--hang-after", "5")
    own_worker(start, queue, "--heartbeat", "200ms")
    queue.settle(2)
    with Load(queue.frontend, total=200) as load:
        until(lambda: load.answered == 200, "all replies")
    check(load, least=200)
    until(lambda: queue.count("silent") == 1, "it was found silent")
    assert queue.count("redispatched") == 1


def test_a_slow_worker_overruns_the_busy_timeout(start: Start) -> None:
    queue = Queue(start, "--busy-timeout", "300ms")
    own_worker(start, queue, "--delay", "1s")
    queue.settle(1)
    with Load(queue.frontend, clients=1, window=1, total=1) as load:
        until(lambda: queue.state()["in_flight"] == 1, "the request is with the slow one")
        own_worker(start, queue)
        until(lambda: load.answered == 1, "the quick one's reply")
        until(lambda: queue.count("late") >= 1, "the slow one's reply")
    check(load, least=1)
    assert queue.count("overran") >= 1


def test_a_poison_request_ends_as_a_dead_letter_and_kills_no_more(
    start: Start, context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path
) -> None:
    letters = f"ipc://{tmp_path}/letters"
    queue = Queue(start, "--max-attempts", "3", "--dead-letters", letters)
    # The shell's parent is the worker: this request kills it, as a crash in its code would.
    deadly = 'body=$(cat); if [ "$body" = poison ]; then kill -9 $PPID; fi; printf %s "$body"'
    crew = [own_worker_that(start, queue, deadly) for _ in range(5)]
    queue.settle(5)
    asks = ("client", "--reliable", "-c", queue.frontend)
    told = start(*asks, "-D", "poison", "-n", "1", "-t", "20s")
    assert told.wait() == 3
    assert "every attempt failed" in told.err
    reader = context.socket(zmq.PULL)
    reader.connect(letters)
    assert reader.poll(60_000)
    about, body = reader.recv_multipart()
    assert body == b"poison"
    assert json.loads(about)["attempts"] == 3
    assert sum(worker.process.poll() is not None for worker in crew) == 3
    fine = start(*asks, "-D", "fine", "-n", "3")
    assert fine.wait() == 0
    assert fine.lines() == ["fine"] * 3
    assert queue.count("dead_letters") == 1


def own_worker_that(start: Start, queue: Queue, command: str) -> Program:
    return start("worker", "--reliable", "-c", queue.backend, "--exec", command, "-q")


def test_ten_thousand_requests_wait_while_all_workers_are_gone_for_five_seconds(
    start: Start, hire: Hire
) -> None:
    queue = Queue(start)
    crew = [own_worker(start, queue, "--delay", "1ms") for _ in range(2)]
    queue.settle(2)
    with Load(queue.frontend, clients=10, window=1000) as load:
        until(lambda: load.answered > 100, "a start")
        for worker in crew:
            worker.signal(signal.SIGKILL)
        until(lambda: queue.workers() == 0, "nobody left")
        until(lambda: queue.state()["queued"] == 10_000, "every client waits for its window")
        until(lambda: queue.state()["oldest"] > 5.0, "five seconds")
        assert queue.state()["queued"] == 10_000
        before = load.answered
        for number in range(4):
            hire("mdp-0.1", queue.backend, f"w{number}")
        until(lambda: load.answered >= before + 10_000, "all replies")
    check(load, least=10_000)


def test_a_broker_that_is_killed_and_started_again_costs_no_request_of_retrying_clients(
    start: Start, free_ports: Callable[[int], list[int]]
) -> None:
    frontend, backend = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    queue = Queue(start, frontend=frontend, backend=backend)
    for _ in range(3):
        own_worker(start, queue, "--heartbeat", "200ms", "--delay", "2ms")
    queue.settle(3)
    client = start(
        *("client", "--reliable", "-c", frontend, "--window", "20", "-t", "1s", "--retries", "30"),
        *("-D", "{n}", "-n", "3000"),
    )
    until(lambda: queue.count("replies") > 300, "a load")
    queue.program.signal(signal.SIGKILL)
    queue.program.wait()
    again = Queue(start, frontend=frontend, backend=backend)
    again.settle(3)
    assert client.wait() == 0, (client.err[-1500:], client.err[:600], again.state())
    replies = [line.split()[0] for line in client.lines()]
    assert sorted(replies, key=int) == [str(number) for number in range(3000)]
    assert again.count("replies") > 0, "the second one had something to do"


def test_no_worker_is_given_up_for_the_time_the_broker_stood_still(start: Start) -> None:
    queue = Queue(start, "--heartbeat", "500ms")
    for _ in range(3):
        # The workers wait for it for three seconds: it is the queue's judgement that is tested.
        own_worker(start, queue, "--heartbeat", "1s", "--delay", "5ms")
    queue.settle(3)
    with Load(queue.frontend) as load:
        until(lambda: load.answered > 50, "a load")
        queue.program.signal(signal.SIGSTOP)
        # Not a wait for something: three heartbeats of absence are what is tested.
        time.sleep(1.6)
        before = load.answered
        queue.program.signal(signal.SIGCONT)
        until(lambda: load.answered > before + 100, "the load goes on")
    check(load, least=150)
    assert (gone(queue), queue.count("registered")) == (0, 3)
    assert queue.count("redispatched") == 0


def test_nothing_is_left_of_a_client_that_is_killed_with_a_thousand_requests(start: Start) -> None:
    queue = Queue(start)
    own_worker(start, queue, "--delay", "5ms")
    queue.settle(1)
    client = start(
        *("client", "--reliable", "-c", queue.frontend, "--window", "1000", "-D", "{n}"),
        *("-n", "100000", "-t", "60s"),
    )
    until(lambda: queue.count("replies") > 10 and queue.state()["queued"] >= 998, "1000 are here")
    client.signal(signal.SIGKILL)
    until(queue.is_empty, "the ledger is empty")
    assert queue.state()["bytes"] == 0
    assert queue.state()["clients"] == 0
    assert queue.count("abandoned") > 500, "they were not all worked off"


def test_two_workers_of_the_same_routing_id_cost_no_request(start: Start, hire: Hire) -> None:
    queue = Queue(start, "--busy-timeout", "500ms", "--max-attempts", "50")
    hire("mdp-0.1", queue.backend, "other")
    hire("mdp-0.1", queue.backend, "one", "--identity", "twin")
    queue.settle(2)
    with Load(queue.frontend, clients=2, window=4) as load:
        until(lambda: load.answered > 50, "a load")
        hire("mdp-0.1", queue.backend, "two", "--identity", "twin")
        until(lambda: queue.count("unexpected") + queue.count("lost") > 0, "the two met")
        before = load.answered
        until(lambda: load.answered > before + 300, "the load goes on")
    check(load, least=350)


def test_a_stop_finishes_what_was_accepted_and_refuses_the_rest(
    start: Start, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    queue = Queue(start, "--drain", "20s")
    worker = own_worker(start, queue, "--delay", "20ms")
    queue.settle(1)
    late = context.socket(zmq.DEALER)
    late.connect(queue.frontend)
    with Load(queue.frontend, clients=1, window=30, total=30) as load:
        until(lambda: queue.state().get("queued", 0) > 20, "they are here")
        queue.program.signal(signal.SIGTERM)
        until(lambda: queue.state()["draining"], "it drains")
        late.send_multipart(call.wrap(b"1", request_01(b"default", [b"late"])))
        assert late.poll(60_000)
        id, told = call.unwrap(late.recv_multipart()) or (b"", [])
        assert (id, told) == (b"1", call.Failure("stopping", call.REASONS["stopping"]))
        assert queue.program.wait() == 0
    check(load, least=30)
    assert worker.process.poll() is None, "a worker outlives its queue"
    assert queue.count("refused") == 1
    assert queue.count("unanswered") == 0


def test_a_worker_that_is_stopped_finishes_its_job(start: Start) -> None:
    queue = Queue(start)
    worker = own_worker(start, queue, "--delay", "500ms")
    queue.settle(1)
    with Load(queue.frontend, clients=1, window=1, total=1) as load:
        until(lambda: queue.state()["in_flight"] == 1, "it works")
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
        until(lambda: load.answered == 1, "its reply")
    check(load, least=1)
    until(lambda: queue.count("left") == 1, "it said goodbye")
    assert queue.count("redispatched") == 0
