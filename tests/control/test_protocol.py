"""Requests and replies of a control socket, as bytes."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.control import protocol
from zmqdev.control.protocol import Argument, ControlRequest, Refused, Verb
from zmqdev.options.measures import Duration
from zmqdev.options.types import Choice, Text

CONNECT = Verb(
    "connect",
    "Connect.",
    lambda: None,
    (
        Argument("side", Choice(choices=("frontend", "backend")), "frontend or backend"),
        Argument("within", Duration(), "a duration", required=False),
    ),
)
VERBS = {"connect": CONNECT, "status": Verb("status", "State.", lambda: None)}


def refused(*body: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        protocol.read_request(body)
    assert caught.value.code in protocol.ERRORS
    return caught.value


def request(**changed: Any) -> bytes:
    return json.dumps({"zmqdev": 1, "verb": "status", **changed}).encode()


def test_a_request_is_read_as_it_was_written() -> None:
    written = protocol.write_request("connect", {"side": "backend"}, 7)
    assert protocol.read_request([written]) == ControlRequest("connect", {"side": "backend"}, 7)


def test_args_and_id_may_be_left_out() -> None:
    assert protocol.read_request([request()]) == ControlRequest("status", {}, None)


def test_the_words_of_zmq_proxy_steerable_are_understood() -> None:
    assert protocol.read_request([b"PAUSE"]) == ControlRequest("pause", old=True)
    assert protocol.read_request([b"RESUME"]) == ControlRequest("resume", old=True)
    assert protocol.read_request([b"TERMINATE"]) == ControlRequest("stop", old=True)
    assert protocol.read_request([b"STATISTICS"]) == ControlRequest("statistics", old=True)


def test_a_request_without_the_version_is_refused_and_told_which_one_it_is() -> None:
    for version in (None, 2, "1", True):
        error = refused(request(zmqdev=version))
        assert error.code == "bad-version"
        assert '"zmqdev": 1' in error.message


@pytest.mark.parametrize(
    "body",
    [
        (),
        (b"",),
        (b"pause",),
        (b"\xff\x00\x80",),
        (b"[]",),
        (b"null",),
        (b'"status"',),
        (b"[" * 50_000,),
        (b'{"zmqdev": NaN}',),
        (request(), b""),
        (request(), request()),
        (request(verb=7),),
        (request(args=[]),),
        (request(more=1),),
        (request(id={}),),
        (request(id="x" * 1000),),
    ],
    ids=lambda body: repr(body)[:30],
)
def test_what_is_no_request_is_refused_in_words(body: tuple[bytes, ...]) -> None:
    assert refused(*body).code == "bad-request"


def test_a_request_above_the_limit_is_refused() -> None:
    assert refused(request(args={"x": "x" * protocol.MOST_BYTES})).code == "too-large"
    assert refused(*[b"x" * 1000] * 100).code == "too-large"


def test_the_id_comes_back_also_with_a_refusal() -> None:
    error = refused(request(id=9, verb=None))
    told = json.loads(protocol.write_refusal(error))
    assert told["id"] == 9
    assert told["ok"] is False


def test_an_unknown_verb_is_refused_with_the_nearest() -> None:
    with pytest.raises(Refused, match="did you mean 'connect'"):
        protocol.find(VERBS, ControlRequest("conect"))


def test_arguments_are_parsed_by_their_types() -> None:
    given = {"side": "frontend", "within": "200ms"}
    assert protocol.check(CONNECT, given) == {"side": "frontend", "within": 0.2}
    assert protocol.check(CONNECT, {"side": "frontend"}) == {"side": "frontend"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "connect needs side: frontend or backend"),
        ({"side": "left"}, "side: 'left' is not one of frontend, backend"),
        ({"side": 7}, "side: expected one of"),
        ({"side": "backend", "sides": 1}, "takes no 'sides'; did you mean 'side'"),
    ],
)
def test_a_wrong_argument_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        protocol.check(CONNECT, given)


def test_words_of_a_command_line_are_arguments_in_their_order() -> None:
    assert protocol.by_position(CONNECT, ["backend", "1s"]) == {"side": "backend", "within": "1s"}
    with pytest.raises(Refused, match=r"'x' is one too many; write `connect SIDE \[WITHIN\]`"):
        protocol.by_position(CONNECT, ["backend", "1s", "x"])


def test_a_reply_is_read_as_it_was_written() -> None:
    good = protocol.read_reply(protocol.write_result({"state": "paused"}, "a"))
    assert (good.ok, good.result, good.id) == (True, {"state": "paused"}, "a")
    bad = protocol.read_reply(protocol.write_refusal(Refused("refused", "cannot"), 3))
    assert (bad.ok, bad.code, bad.message, bad.id) == (False, "refused", "cannot", 3)


def test_the_envelope_of_a_request_is_everything_up_to_the_empty_frame() -> None:
    assert protocol.split([b"id", b"", b"x"]) == ([b"id", b""], [b"x"])
    assert protocol.split([b"id", b"x"]) == ([b"id"], [b"x"])
    assert protocol.split([b"id", b"abcd", b"", b"x"]) == ([b"id", b"abcd", b""], [b"x"])


def test_an_absurd_envelope_is_not_sent_back() -> None:
    assert protocol.split([b"id", *[b"a"] * 100, b"", b"x"])[0] == [b"id"]
    assert protocol.split([b"id", b"a" * 100_000, b"", b"x"])[0] == [b"id"]


def test_old_statistics_are_eight_native_numbers_of_whole_messages() -> None:
    flows = [
        ("frontend", {"messages": 10, "bytes": 100, "full": 2}),
        ("backend", {"messages": 7, "bytes": 70, "full": 0}),
    ]
    frames = protocol.old_statistics(flows, ("full",))
    assert [struct.unpack("=Q", frame)[0] for frame in frames] == [12, 100, 7, 70, 7, 70, 10, 100]


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_no_bytes_raise_anything_but_a_refusal(frames: list[bytes]) -> None:
    _, body = protocol.split([b"id", *frames])
    try:
        protocol.read_request(body)
    except Refused as error:
        assert protocol.read_reply(protocol.write_refusal(error)).code == error.code


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("zmqdev", "verb", "args", "id"), _JSON)))
def test_no_object_raises_anything_but_a_refusal(value: dict[str, Any]) -> None:
    value = {"zmqdev": 1, "verb": "connect", **value}
    try:
        asked = protocol.read_request([json.dumps(value).encode()])
        protocol.check(protocol.find(VERBS, asked), asked.args)
    except Refused as error:
        assert error.message


def test_usage_shows_optional_arguments_in_brackets() -> None:
    assert CONNECT.usage == "connect SIDE [WITHIN]"
    assert Verb("set", "", lambda: None, (Argument("key", Text(), ""),)).usage == "set KEY"
