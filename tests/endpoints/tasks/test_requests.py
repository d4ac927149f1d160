"""A reply is for its own request; what has no reply is sent again and then given up."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from support.examples import examples

from zmqdev.endpoints.tasks.requests import Requests


def send_all(requests: Requests) -> list[list[bytes]]:
    burst = requests.burst(1000)
    requests.sent(len(burst))
    return burst


def test_a_request_is_an_id_an_empty_frame_and_the_body() -> None:
    requests = Requests(first_id=7)
    assert requests.start([b"a", b"b"], 0.0) == 0
    assert send_all(requests) == [[b"\0\0\0\7", b"", b"a", b"b"]]


def test_a_reply_closes_its_request() -> None:
    requests = Requests(window=2)
    requests.start([b"x"], 1.0)
    [[name, *_]] = send_all(requests)
    reply = requests.receive([name, b"", b"done"], 1.25)
    assert reply is not None
    assert (reply.number, reply.body, reply.seconds) == (0, [b"done"], 0.25)
    assert requests.room == 2


def test_replies_may_come_in_any_order() -> None:
    requests = Requests(window=3)
    for n in range(3):
        requests.start([b"%d" % n], 0.0)
    names = [frames[0] for frames in send_all(requests)]
    replies = [requests.receive([name, b"", b"r"], 1.0) for name in reversed(names)]
    assert [reply and reply.number for reply in replies] == [2, 1, 0]


def test_a_late_reply_is_never_taken_for_the_next_request() -> None:
    requests = Requests(timeout=1.0)
    requests.start([b"first"], 0.0)
    [[first, *_]] = send_all(requests)
    assert requests.tick(1.0) == [0]
    requests.start([b"second"], 1.0)
    [[second, *_]] = send_all(requests)
    assert requests.receive([first, b"", b"late"], 1.1) is None
    assert requests.counts.late == 1
    reply = requests.receive([second, b"", b"in time"], 1.2)
    assert reply is not None
    assert reply.number == 1


def test_a_request_is_sent_again_with_the_same_id_and_then_given_up() -> None:
    requests = Requests(timeout=1.0, retries=2)
    requests.start([b"x"], 0.0)
    first = send_all(requests)
    for turn in (1, 2):
        assert requests.deadline() == turn
        assert requests.tick(float(turn)) == []
        assert send_all(requests) == first
    assert requests.tick(3.0) == [0]
    assert requests.deadline() is None
    counts = requests.counts
    assert (counts.sent, counts.retried, counts.failed) == (3, 2, 1)


def test_the_clock_runs_while_there_is_nobody_to_send_to() -> None:
    requests = Requests(timeout=1.0, retries=1)
    requests.start([b"x"], 0.0)
    assert requests.tick(1.0) == []
    assert len(requests.burst(10)) == 1  # not twice
    assert requests.tick(2.0) == [0]
    assert requests.burst(10) == []
    assert not requests.waits_to_send


def test_a_reply_to_the_first_try_stops_the_second() -> None:
    requests = Requests(timeout=1.0, retries=1)
    requests.start([b"x"], 0.0)
    [[name, *_]] = send_all(requests)
    requests.tick(1.0)
    assert requests.receive([name, b"", b"r"], 1.1) is not None
    assert requests.burst(10) == []


def test_without_a_timeout_nothing_is_due() -> None:
    requests = Requests()
    requests.start([b"x"], 0.0)
    assert requests.deadline() is None
    assert requests.tick(1e12) == []


def test_ids_go_round_and_step_over_one_that_is_open() -> None:
    requests = Requests(window=3, first_id=0xFFFFFFFF)
    requests.start([b"a"], 0.0)
    requests.start([b"b"], 0.0)
    requests._next_id = 0xFFFFFFFF
    requests.start([b"c"], 0.0)
    names = [frames[0] for frames in send_all(requests)]
    assert names == [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\1"]


@pytest.mark.parametrize(
    "frames", [[], [b"x"], [b"abcd", b""], [b"abcd", b"x", b"y"], [b"toolong", b"", b"y"]]
)
def test_what_is_no_reply_is_counted(frames: list[bytes]) -> None:
    requests = Requests()
    assert requests.receive(frames, 0.0) is None
    assert requests.counts.malformed == 1


class AnyOrder(RuleBasedStateMachine):
    """Sends, replies (some twice), losses and time-outs in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.requests = Requests(window=4, timeout=5.0, retries=1, first_id=2**32 - 3)
        self.at_the_worker: list[list[bytes]] = []
        self.answered: list[int] = []
        self.given_up: list[int] = []

    @rule()
    def start(self) -> None:
        if self.requests.room:
            self.requests.start([b"%d" % self.requests.started], self.now)

    @rule(count=st.integers(0, 3))
    def send(self, count: int) -> None:
        burst = self.requests.burst(count)
        self.requests.sent(len(burst))
        self.at_the_worker += burst

    @rule(data=st.data(), again=st.booleans())
    def reply(self, data: st.DataObject, again: bool) -> None:
        if not self.at_the_worker:
            return
        at = data.draw(st.integers(0, len(self.at_the_worker) - 1))
        frames = self.at_the_worker[at] if again else self.at_the_worker.pop(at)
        reply = self.requests.receive(frames, self.now)
        if reply is not None:
            assert reply.body == [b"%d" % reply.number]
            self.answered.append(reply.number)

    @rule(seconds=st.floats(0, 6))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.given_up += self.requests.tick(self.now)

    @invariant()
    def every_request_is_in_one_place(self) -> None:
        done = self.answered + self.given_up
        assert len(done) == len(set(done))
        assert len(done) + self.requests.open == self.requests.started

    @invariant()
    def the_window_is_kept(self) -> None:
        assert 0 <= self.requests.open <= 4
        assert len(self.requests.burst(100)) <= self.requests.open

    @invariant()
    def nothing_open_is_overdue(self) -> None:
        deadline = self.requests.deadline()
        assert deadline is None or deadline > self.now or self.now == 0.0


AnyOrder.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=40)
TestAnyOrder = AnyOrder.TestCase
