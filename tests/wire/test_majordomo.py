"""Majordomo's clients and workers, byte for byte as the RFCs have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.wire import call, mmi
from zmqdev.wire.dialect import (
    DIALECTS,
    MAJORTOMO,
    MDP_01,
    MDP_02,
    PPP,
    Dialect,
    DialectVerb,
    recognise,
)
from zmqdev.wire.majordomo import (
    MDP_02 as CLIENT_FORM_02,
)
from zmqdev.wire.majordomo import (
    read_client,
    reply_01,
    reply_02,
    request_01,
    request_02,
)

COMMANDS = [
    (MDP_01, DialectVerb.READY, [b"echo"], [b"", b"MDPW01", b"\x01", b"echo"]),
    (MDP_01, DialectVerb.REQUEST, [b"c", b"", b"x"], [b"", b"MDPW01", b"\x02", b"c", b"", b"x"]),
    (MDP_01, DialectVerb.FINAL, [b"c", b"", b"x"], [b"", b"MDPW01", b"\x03", b"c", b"", b"x"]),
    (MDP_01, DialectVerb.HEARTBEAT, [], [b"", b"MDPW01", b"\x04"]),
    (MDP_01, DialectVerb.DISCONNECT, [], [b"", b"MDPW01", b"\x05"]),
    (MDP_02, DialectVerb.READY, [b"echo"], [b"MDPW02", b"\x01", b"echo"]),
    (MDP_02, DialectVerb.REQUEST, [b"c", b"", b"x"], [b"MDPW02", b"\x02", b"c", b"", b"x"]),
    (MDP_02, DialectVerb.PARTIAL, [b"c", b"", b"x"], [b"MDPW02", b"\x03", b"c", b"", b"x"]),
    (MDP_02, DialectVerb.FINAL, [b"c", b"", b"x"], [b"MDPW02", b"\x04", b"c", b"", b"x"]),
    (MDP_02, DialectVerb.HEARTBEAT, [], [b"MDPW02", b"\x05"]),
    (MDP_02, DialectVerb.DISCONNECT, [], [b"MDPW02", b"\x06"]),
    (MAJORTOMO, DialectVerb.READY, [b"echo"], [b"", b"MDPW02", b"\x01", b"echo"]),
    (MAJORTOMO, DialectVerb.FINAL, [b"c", b"", b"x"], [b"", b"MDPW02", b"\x04", b"c", b"", b"x"]),
    (PPP, DialectVerb.READY, [], [b"\x01"]),
    (PPP, DialectVerb.HEARTBEAT, [], [b"\x02"]),
    (PPP, DialectVerb.REQUEST, [b"c", b"", b"x"], [b"c", b"", b"x"]),
]


@pytest.mark.parametrize(("dialect", "verb", "carried", "frames"), COMMANDS, ids=str)
def test_a_command_is_these_frames_and_read_back_is_itself(
    dialect: Dialect, verb: DialectVerb, carried: list[bytes], frames: list[bytes]
) -> None:
    assert dialect.frames(verb, *carried) == frames
    assert dialect.verb_of(frames, 0, DialectVerb.REQUEST) is verb
    assert dialect.verb_of([b"address", *frames], 1, DialectVerb.REQUEST) is verb


@pytest.mark.parametrize(("dialect", "verb", "carried", "frames"), COMMANDS, ids=str)
def test_a_dialect_is_known_by_its_first_message(
    dialect: Dialect, verb: DialectVerb, carried: list[bytes], frames: list[bytes]
) -> None:
    known = recognise([b"address", *frames])
    assert known is (None if dialect is PPP and carried else dialect)


@pytest.mark.parametrize("dialect", list(DIALECTS.values()), ids=lambda row: row.name)
def test_the_body_is_where_the_dialect_says(dialect: Dialect) -> None:
    frames = dialect.frames(DialectVerb.REQUEST, b"client", b"", b"body")
    assert frames[dialect.body_after :] == [b"body"]


@pytest.mark.parametrize(
    "frames",
    [
        [b"", b"MDPW01", b"\x03", b"c", b""],
        [b"", b"MDPW01", b"\x03", b"c", b"x", b"body"],
        [b"", b"MDPW01", b"\x01"],
        [b"", b"MDPW01", b"\x01", b""],
        [b"", b"MDPW01", b"\x01", b"a", b"b"],
        [b"", b"MDPW01", b"\x04", b"more"],
        [b"", b"MDPW01", b"\x06"],
        [b"", b"MDPW01", b""],
        [b"", b"MDPW01"],
        [b"x", b"MDPW01", b"\x04"],
        [b"", b"MDPW02", b"\x04"],
        [b""],
        [],
    ],
    ids=repr,
)
def test_a_command_of_the_wrong_shape_is_invalid(frames: list[bytes]) -> None:
    assert MDP_01.verb_of(frames, 0, DialectVerb.REQUEST) is DialectVerb.INVALID


@given(st.lists(st.binary(max_size=8) | st.sampled_from([b"", b"MDPW01", b"MDPC02", call.CALL])))
def test_reading_never_raises(frames: list[bytes]) -> None:
    read_client(frames)
    recognise(frames)
    call.unwrap(frames)
    for dialect in DIALECTS.values():
        dialect.verb_of(frames, 0, DialectVerb.REQUEST)
        dialect.verb_of(frames, 1, DialectVerb.FINAL)


def test_client_requests_and_replies_of_both_versions() -> None:
    assert request_01(b"echo", [b"x"]) == [b"MDPC01", b"echo", b"x"]
    assert request_02(b"echo", [b"x"]) == [b"MDPC02", b"\x01", b"echo", b"x"]
    assert reply_01([b"MDPC01", b"echo", b"y", b"z"], b"echo") == [b"y", b"z"]
    assert reply_01([b"MDPC01", b"other", b"y"], b"echo") is None
    assert reply_02([b"MDPC02", b"\x02", b"echo", b"y"], b"echo") == (False, [b"y"])
    assert reply_02([b"MDPC02", b"\x03", b"echo", b"y"], b"echo") == (True, [b"y"])
    assert reply_02([b"MDPC02", b"\x01", b"echo", b"y"], b"echo") is None


def test_a_partial_reply_has_its_own_command() -> None:
    asked = read_client([b"c", b"MDPC02", b"\x01", b"echo", b"x"])
    assert asked is not None
    form, _, head, _ = asked
    assert form is CLIENT_FORM_02
    assert head == [b"c", b"MDPC02", b"\x03", b"echo"]
    assert form.partial_head(head) == [b"c", b"MDPC02", b"\x02", b"echo"]


def test_mmi_puts_its_code_where_the_name_was() -> None:
    served = {b"echo"}.__contains__
    assert mmi.answer(b"mmi.service", [b"echo"], served) == [b"200"]
    assert mmi.answer(b"mmi.service", [b"more", b"none"], served) == [b"more", b"404"]
    assert mmi.answer(b"mmi.workers", [b"echo"], served) == [b"501"]


def test_a_call_comes_back_with_its_id_or_with_the_reason_why_not() -> None:
    assert call.wrap(b"7", [b"x"]) == [call.CALL, b"7", b"", b"x"]
    assert call.unwrap([call.CALL, b"7", b"", b"y"]) == (b"7", [b"y"])
    told = call.unwrap(call.failure(b"address", b"7", "expired")[1:])
    assert told == (b"7", call.Failure("expired", call.REASONS["expired"]))
    assert call.unwrap([b"7", b"", b"y"]) is None
