"""client and worker as programs, alone, behind a queue, and with programs of other people."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
from collections import Counter
from typing import Any

import pytest
import zmq
from support import forked
from support.processes import Program, Start, until

ANY = "tcp://127.0.0.1:*"


def address(program: Program) -> str:
    return program.ready()["socket"][0]


def lines(count: int) -> bytes:
    return b"".join(b"%d\n" % number for number in range(count))


@pytest.fixture
def queue(start: Start) -> tuple[str, str]:
    """(frontend, backend) of a queue."""
    program = start(
        "queue", "--frontend-bind", ANY, "--backend-bind", ANY, "--stats", "off", ready=True
    )
    sides = program.ready()
    return sides["frontend"][0], sides["backend"][0]


def test_the_summary_has_rate_and_percentiles(queue: tuple[str, str], start: Start) -> None:
    start("worker", "-c", queue[1])
    client = start("client", "-c", queue[0], "--wait-peers", "1", "-D", "Req-{n}", "-n", "10")
    assert client.wait() == 0, client.err
    assert client.lines() == [f"Processed: Req-{n}" for n in range(10)]
    assert re.search(
        r"note: 10 requests, 10 answered, [\d.]+ replies/s, "
        r"p50 [\d.]+ m?s, p99 [\d.]+ m?s, max [\d.]+ m?s\n",
        client.err,
    )


def test_ten_requests_need_no_flags_but_the_address(queue: tuple[str, str], start: Start) -> None:
    start("worker", "-c", queue[1])
    command = ["client", "-c", queue[0]]
    client = forked.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert client.returncode == 0, client.stderr
    assert client.stdout.splitlines() == [f"Processed: Req-{n}" for n in range(10)]
    assert "no input: sending 10 requests" in client.stderr


@pytest.mark.parametrize("type_", ["DEALER", "REP", "ROUTER"])
def test_a_worker_of_any_type_serves_a_queue(
    queue: tuple[str, str], start: Start, type_: str
) -> None:
    start("worker", "-c", queue[1], "--type", type_)
    client = start("client", "-c", queue[0], "-D", "{n}", "-n", "5")
    assert client.wait() == 0, client.err
    assert client.lines() == [f"Processed: {n}" for n in range(5)]


def test_several_workers_share_the_requests(queue: tuple[str, str], start: Start) -> None:
    workers = [
        start("worker", "-c", queue[1], "--reply", name + "{body}", ready=True) for name in "ab"
    ]
    for worker in workers:
        worker.ready()
    client = start("client", "-c", queue[0], "--window", "10", "-F", "-")
    client.feed(lines(400))
    assert client.wait() == 0, client.err
    assert sorted(int(line[1:]) for line in client.lines()) == list(range(400))
    assert set(Counter(line[0] for line in client.lines())) <= {"a", "b"}


def test_a_simulated_second_of_work_is_done_by_two_jobs_at_a_time(start: Start) -> None:
    worker = start("worker", "-b", ANY, "--delay", "300ms", "--jobs", "2", ready=True)
    client = start("client", "-c", address(worker), "--window", "4", "-D", "{n}", "-n", "4")
    assert client.wait() == 0, client.err
    longest = re.search(r"max ([\d.]+) ms", client.err)
    assert longest is not None
    assert float(longest[1]) >= 600


def test_a_request_that_is_lost_is_sent_again(start: Start, context: Any) -> None:
    router = context.socket(zmq.ROUTER)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    client = start(
        "client", "-c", f"tcp://127.0.0.1:{port}", "-D", "x", "-t", "200ms", "--retries", "2"
    )
    first = router.recv_multipart()
    second = router.recv_multipart()
    assert first == second  # the same id: it is the same request
    router.send_multipart([*second[:-1], b"at last"])
    assert client.wait() == 0
    assert client.out == b"at last\n"
    assert "1 retried" in client.err


def test_a_late_reply_is_never_taken_for_the_next(start: Start, context: Any) -> None:
    router = context.socket(zmq.ROUTER)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    client = start("client", "-c", f"tcp://127.0.0.1:{port}", "-t", "300ms", "-F", "-")
    client.feed(b"slow\nquick\n")
    slow = router.recv_multipart()
    quick = router.recv_multipart()
    router.send_multipart([*slow[:-1], b"the late one"])
    router.send_multipart([*quick[:-1], b"the right one"])
    assert client.wait() == 3
    assert client.out == b"the right one\n"
    assert "request 0: no reply within 0.3s" in client.err
    assert client.err.splitlines()[-1] == "zmqdev: 1 of 2 requests had no reply"


def test_a_client_outlives_a_worker_that_restarts(start: Start, free_ports: Any) -> None:
    at = f"tcp://127.0.0.1:{free_ports(1)[0]}"
    first = start("worker", "-b", at, "--reply", "first", ready=True)
    first.ready()
    patient = ("-t", "200ms", "--retries", "100")
    client = start("client", "-c", at, "-D", "{n}", "-n", "20", "-i", "50ms", *patient)
    until(lambda: len(client.lines()) >= 3, "some replies of the first")
    first.signal(9)
    first.wait()
    start("worker", "-b", at, "--reply", "second")
    assert client.wait() == 0, client.err
    assert len(client.lines()) == 20
    assert {"first", "second"} == set(client.lines())


def test_exec_gets_the_body_and_gives_the_reply(queue: tuple[str, str], start: Start) -> None:
    start("worker", "-c", queue[1], "--exec", "tr a-z A-Z", "--jobs", "3")
    client = start("client", "-c", queue[0], "--window", "3", "-F", "-")
    client.feed(b"abc\ndef\nghi\n")
    assert client.wait() == 0, client.err
    assert sorted(client.lines()) == ["ABC", "DEF", "GHI"]


def test_exec_is_binary_safe(start: Start) -> None:
    worker = start("worker", "-b", ANY, "--exec", "cat", ready=True)
    body = bytes(range(256)) * 2000 + b"\n"
    client = start("client", "-c", address(worker), "--format", "raw")
    client.feed(body)
    assert client.wait() == 0, client.err
    assert client.out == body


def test_a_failing_command_is_reported_answered_and_kills_nothing(start: Start) -> None:
    command = 'read -r word; [ "$word" != bad ] || { echo broken >&2; exit 7; }; printf ok'
    worker = start("worker", "-b", ANY, "--exec", command, ready=True)
    client = start("client", "-c", address(worker), "-F", "-")
    client.feed(b"good\nbad\ngood\n")
    assert client.wait() == 1
    assert "1 of 3 requests failed at their worker" in client.err
    error = "Error: the command ended with exit status 7: broken"
    assert client.lines() == ["ok", error, "ok"]
    assert "request 1: the command ended with exit status 7: broken" in worker.err
    assert worker.interrupt() == 0


def test_a_command_that_hangs_is_ended(start: Start) -> None:
    worker = start(
        "worker", "-b", ANY, "--exec", "sleep 1000", "--exec-timeout", "200ms", ready=True
    )
    client = start("client", "-c", address(worker), "-D", "x")
    assert client.wait() == 1
    assert client.lines() == ["Error: the command took too long and was stopped"]


def test_a_stopped_worker_finishes_its_job(start: Start) -> None:
    shown = ("--stats", "json", "--stats-interval", "50ms")
    worker = start("worker", "-b", ANY, "--delay", "1s", *shown, ready=True)
    client = start("client", "-c", address(worker), "-D", "x")
    until(lambda: '"jobs": 1' in worker.err, "the job has begun")
    assert worker.interrupt() == 0
    assert client.wait() == 0
    assert client.lines() == ["Processed: x"]


def test_replies_that_came_before_the_other_side_left_are_read(start: Start) -> None:
    """All of it is there when the client wakes up: the replies, and the end of the connection."""
    context = zmq.Context()
    worker = context.socket(zmq.ROUTER)
    worker.rcvtimeo = 60_000
    worker.bind(ANY)
    where = worker.getsockopt_string(zmq.LAST_ENDPOINT)
    client = start("client", "-c", where, "-D", "x", "-n", "20", "--window", "20")
    requests = [worker.recv_multipart() for _ in range(20)]
    client.signal(signal.SIGSTOP)
    for envelope in requests:
        worker.send_multipart(envelope)
    worker.close(10_000)
    context.term()  # returns when the kernel has it all
    client.signal(signal.SIGCONT)
    assert client.wait() == 0, client.err
    assert client.lines() == ["x"] * 20


def test_unmodified_req_clients_and_rep_workers_of_others(
    queue: tuple[str, str], start: Start, context: Any
) -> None:
    """A REQ client with our worker, and our client with a REP worker."""
    request = context.socket(zmq.REQ)
    request.rcvtimeo = 60_000
    request.connect(queue[0])
    ours = start("worker", "-c", queue[1], "-n", "3")
    for n in range(3):
        request.send_string(f"Req-{n}")
        assert request.recv_string() == f"Processed: Req-{n}"
    assert ours.wait() == 0

    reply = context.socket(zmq.REP)
    reply.connect(queue[1])

    def serve() -> None:
        for _ in range(3):
            reply.send(reply.recv().upper())

    thread = threading.Thread(target=serve)
    thread.start()
    client = start("client", "-c", queue[0], "-D", "abc", "-n", "3")
    assert client.wait() == 0, client.err
    thread.join(60)
    assert client.lines() == ["ABC"] * 3


def test_a_dealer_worker_of_others_that_keeps_the_envelope(
    queue: tuple[str, str], start: Start, context: Any
) -> None:
    dealer = context.socket(zmq.DEALER)
    dealer.rcvtimeo = 60_000
    dealer.connect(queue[1])
    client = start("client", "-c", queue[0], "-D", "a|b", "--frames", "|")
    *path, empty, first, second = dealer.recv_multipart()
    assert (empty, first, second) == (b"", b"a", b"b")
    dealer.send_multipart([*path, empty, second, first])
    assert client.wait() == 0
    assert client.out == b"b|a\n"


def test_a_client_interrupted_while_it_waits_says_so(start: Start, context: Any) -> None:
    router = context.socket(zmq.ROUTER)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    client = start("client", "-c", f"tcp://127.0.0.1:{port}", "-D", "x", "--drain", "100ms")
    router.recv_multipart()
    assert client.interrupt() == 0
    assert "still without a reply: 1 request" in client.err


@pytest.mark.parametrize("how", [(), ("--id", "off", "--window", "4")], ids=["default", "window"])
def test_a_client_is_a_drop_in_for_req(start: Start, context: Any, how: tuple[str, ...]) -> None:
    """A server that takes exactly [address, '', body]."""
    router = context.socket(zmq.ROUTER)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    client = start(
        "client", "-c", f"tcp://127.0.0.1:{port}", "-D", "{n}", "-n", "8", "-i", "1ms", *how
    )
    for _ in range(8):
        address, empty, body = router.recv_multipart()
        assert empty == b""
        router.send_multipart([address, b"", b"re " + body])
    assert client.wait() == 0
    assert sorted(client.out.splitlines()) == [b"re %d" % n for n in range(8)]


@pytest.mark.parametrize(
    ("flags", "printed", "status"),
    [
        (("--replies", "all"), ["0", "1", "2"], 0),
        (("--replies", "2"), ["0", "1"], 0),
        (("--replies", "3", "--window", "20"), ["0", "1", "2"], 0),
        (("--replies", "4"), ["0", "1", "2"], 3),
        ((), ["0"], 0),
    ],
)
def test_a_client_prints_as_many_replies_as_are_wanted(
    start: Start,
    context: zmq.Context[Any],
    flags: tuple[str, ...],
    printed: list[str],
    status: int,
) -> None:
    server = context.socket(zmq.ROUTER)
    server.rcvtimeo = 60_000
    port = server.bind_to_random_port("tcp://127.0.0.1")
    quiet = ("--reply-timeout", "2s")
    client = start("client", "-c", f"tcp://127.0.0.1:{port}", "-D", "x", *quiet, *flags)
    *path, _ = server.recv_multipart()
    for n in range(3):
        server.send_multipart([*path, b"%d" % n])
    assert client.wait() == status, client.err
    assert client.lines() == printed
    if status == 3:
        assert "1 of 1 requests had fewer than 4 replies" in client.err
    assert "1 answered" in client.err
