"""What a bench can be asked, and what does not go together."""

from __future__ import annotations

from typing import Any

import pytest

from zmqdev.errors import UsageError
from zmqdev.options.layer import build, flag_layer
from zmqdev.tools.bench.options import BenchSpec, resolve

SIDES = {("frontend",): "tcp://127.0.0.1:1", ("backend",): "tcp://127.0.0.1:2"}


def asked(flags: dict[tuple[str, ...], Any]) -> BenchSpec:
    spec, written = build(BenchSpec, [flag_layer(BenchSpec, flags)])
    return resolve(spec, written)


def test_sizes_and_durations_are_written_as_everywhere() -> None:
    spec = asked({("size",): ["16", "64KiB"], ("time",): "200ms"})
    assert (spec.size, spec.time) == ((16, 65536), 0.2)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({("size",): ["4"]}, "--size: 4 is too small; a message has 8 bytes at least"),
        ({("frontend",): "tcp://127.0.0.1:1"}, "--frontend: a running device has two sides"),
        ({("pid",): "1"}, "--pid: this is about a running device"),
        ({("senders-bind",): True}, "--senders-bind: this is about a running device"),
        ({("between",): ["device"]}, "--between: say where the device is"),
        (SIDES, "--frontend: name the one load that fits"),
        (
            {**SIDES, ("loads",): ["pipeline"], ("senders-bind",): True, ("senders",): "2"},
            "--senders: one sender can bind",
        ),
        (
            {**SIDES, ("loads",): ["pipeline"], ("majordomo",): True},
            "--majordomo: a Majordomo broker answers requests",
        ),
        ({("loads",): ["pubsub"], ("senders",): "2"}, "--senders: pubsub has one publisher"),
        ({("loads",): ["latency"], ("reliable",): True}, "--reliable: the reliable queue answers"),
        ({("loads",): ["latency"], ("standard",): True}, "--standard: takes no other case options"),
        ({("between",): ["nativ"]}, "--between: 'nativ' is not one of .*did you mean 'native'"),
    ],
)
def test_what_does_not_go_together_is_said(flags: dict[Any, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        asked(flags)
