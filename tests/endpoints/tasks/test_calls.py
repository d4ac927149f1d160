"""The reliable client's requests: ids, protocols, refusals."""

from __future__ import annotations

from typing import Any

import pytest

from zmqdev.endpoints.tasks.calls import Calls, Refusal
from zmqdev.wire import call


def calls(protocol: str = "mdp-0.1", **more: Any) -> Calls:
    asked = {"window": 10, "timeout": 1.0, "retries": 1, "first_id": 7} | more
    return Calls(**asked, protocol=protocol, service=b"echo")


ID = (7).to_bytes(4, "big")
ON_THE_WIRE = {
    "mdp-0.1": ([b"MDPC01", b"echo", b"hello"], [b"MDPC01", b"echo", b"bye"]),
    "mdp-0.2": ([b"MDPC02", b"\x01", b"echo", b"hello"], [b"MDPC02", b"\x03", b"echo", b"bye"]),
    "plain": ([b"hello"], [b"bye"]),
}


@pytest.mark.parametrize("protocol", list(ON_THE_WIRE))
def test_a_request_and_its_reply_on_the_wire(protocol: str) -> None:
    asked, answered = ON_THE_WIRE[protocol]
    requests = calls(protocol)
    requests.start([b"hello"], 0.0)
    assert requests.burst(10) == [[call.CALL, ID, b"", *asked]]
    requests.sent(1)
    reply = requests.receive([call.CALL, ID, b"", *answered], 0.5)
    assert reply is not None
    assert (reply.number, reply.body, reply.seconds) == (0, [b"bye"], 0.5)
    assert requests.open == 0


def test_partial_replies_are_one_reply_in_the_end() -> None:
    requests = calls("mdp-0.2")
    requests.start([b"hello"], 0.0)
    lead = [call.CALL, ID, b"", b"MDPC02"]
    assert requests.receive([*lead, b"\x02", b"echo", b"one"], 0.1) is None
    reply = requests.receive([*lead, b"\x03", b"echo", b"two"], 0.2)
    assert reply is not None
    assert reply.body == [b"one", b"two"]
    assert requests.receive([*lead, b"\x03", b"echo", b"again"], 0.3) is None
    assert requests.counts.late == 1


def test_a_request_is_sent_again_with_the_same_id() -> None:
    requests = calls()
    requests.start([b"hello"], 0.0)
    [first] = requests.burst(10)
    requests.sent(1)
    assert requests.tick(1.0) == []
    assert requests.burst(10) == [[call.AGAIN, *first[1:]]]
    reply = requests.receive([call.AGAIN, *first[1:3], b"MDPC01", b"echo", b"bye"], 1.5)
    assert reply is not None


def test_ids_with_a_prefix_are_of_this_program_alone() -> None:
    ids = []
    for prefix in (b"program1", b"program2"):
        requests = calls(prefix=prefix, first_id=0)
        requests.start([b"hello"], 0.0)
        ids += [frames[1] for frames in requests.burst(10)]
    assert ids == [prefix + bytes(8) for prefix in (b"program1", b"program2")]
    assert all(len(id) >= call.UNIQUE for id in ids)


def test_a_dead_letter_is_told_at_once() -> None:
    requests = calls()
    requests.start([b"hello"], 0.0)
    requests.receive(call.failure(b"", ID, "dead-letter")[1:], 0.1)
    assert requests.take_refusals() == [Refusal(0, call.REASONS["dead-letter"], final=True)]
    assert (requests.open, requests.counts.failed) == (0, 1)


def test_a_full_queue_is_asked_again_and_is_final_only_at_the_last_try() -> None:
    requests = calls()
    requests.start([b"hello"], 0.0)
    full = call.failure(b"", ID, "full")[1:]
    requests.receive(full, 0.1)
    assert [refusal.final for refusal in requests.take_refusals()] == [False]
    assert requests.open == 1
    requests.tick(1.0)
    requests.receive(full, 1.1)
    assert [refusal.final for refusal in requests.take_refusals()] == [True]
    assert requests.open == 0


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [b"reply"],
        [ID, b"", b"bye"],
        [call.CALL, ID, b"x", b"bye"],
        [call.CALL, ID, b"", b"MDPC01", b"other", b"bye"],
        [call.CALL, ID, b"", b"MDPC01"],
        [call.FAILED, ID, b"", b"full"],
    ],
    ids=repr,
)
def test_what_is_no_reply_is_counted(frames: list[bytes]) -> None:
    requests = calls()
    requests.start([b"hello"], 0.0)
    assert requests.receive(frames, 0.1) is None
    assert requests.counts.malformed == 1
    assert requests.open == 1


def test_a_refusal_of_a_request_that_is_over_is_late() -> None:
    requests = calls()
    requests.receive(call.failure(b"", ID, "expired")[1:], 0.1)
    assert requests.counts.late == 1
    assert requests.take_refusals() == []
