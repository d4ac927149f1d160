"""What a plain device drops has a line: once a reason, then with pauses that double."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
import zmq
from device.conftest import Steered

from zmqdev.device.drop_log import DropLog
from zmqdev.relay import Counters
from zmqdev.relay.counters import ROWS

Context = zmq.Context[zmq.Socket[bytes]]


def test_each_reason_is_said_once_and_then_with_pauses_that_double(
    caplog: pytest.LogCaptureFixture,
) -> None:
    counters = Counters()
    drops = DropLog("queue", cast(Any, SimpleNamespace(counters=counters, spec=None)))
    for second in range(60):
        counters.cells[ROWS["full"]] += 5
        drops.look(100.0 + second)
    assert [record.getMessage() for record in caplog.records] == [
        "queue forward: 5 messages dropped: the target had no room",
        "queue forward: 50 messages dropped: the target had no room",
        "queue forward: 100 messages dropped: the target had no room",
    ]
    counters.cells[ROWS["too_large"]] += 1
    drops.look(200.0)
    assert caplog.messages[-1].startswith("queue forward: 1 message dropped: more bytes than")


def test_what_was_asked_for_has_no_line(caplog: pytest.LogCaptureFixture) -> None:
    counters = Counters()
    drops = DropLog("queue", cast(Any, SimpleNamespace(counters=counters, spec=None)))
    counters.cells[ROWS["route"]] += 1
    drops.look(100.0)
    assert caplog.messages == []


def test_a_reply_for_a_client_that_is_not_there_is_said(
    steered: Callable[..., Steered], context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    item = steered("queue")
    worker = context.socket(zmq.DEALER)
    worker.connect(item.addresses[1])
    worker.send_multipart([b"nobody", b"", b"reply"])
    said = "queue backward: 1 message dropped: the addressed peer was gone"
    item.serve(lambda: said in caplog.text)
