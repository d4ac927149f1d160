"""What a receiver with --check says of what came."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
import zmq

from zmqdev.endpoints.tasks.checking import Checking, Demands
from zmqdev.system.stdio import Sink
from zmqdev.wire.stamp import Stamp, stamped

HOUR = 3600 * 10**9


@pytest.mark.parametrize(
    ("set_by", "word"),
    [
        (HOUR, "the latency is unknown: the clock was set meanwhile"),
        (-HOUR, "the latency is unknown: the clock was set meanwhile"),
        (0, "p99 latency 60.000000 s, more than 30 s"),
    ],
)
def test_a_latency_that_is_not_known_is_not_judged(
    pair: Callable[..., Any], until: Callable[..., None], pipe: Any, set_by: int, word: str
) -> None:
    """A message that was on its way while the clock was set seems to be an hour old."""
    push, pull = pair(zmq.PUSH, zmq.PULL)
    wall = 10**18

    checking = Checking(pull, Sink(pipe[1]), Demands(max_latency=30.0), 1, lambda: wall)
    watch = checking._watch
    watch._steady = lambda: wall - set_by
    watch._apart = 0
    push.send_multipart(stamped([b"x"], Stamp(b"12345678", 0, wall - 60 * 10**9)))
    until(checking, lambda: checking.ended)
    assert json.loads(os.read(pipe[0], 10_000))["unmet"] == [word]
