"""ZAP requests are read or refused; replies are what RFC 27 says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.wire.zap import Malformed, ZapReply, ZapRequest, build_reply, parse_request

GOOD = [b"route", b"", b"1.0", b"7", b"front", b"10.0.0.1", b"me", b"NULL"]


def changed(at: int, value: bytes) -> list[bytes]:
    return [*GOOD[:at], value, *GOOD[at + 1 :]]


def test_a_request_is_read() -> None:
    request = parse_request(GOOD)
    assert request == ZapRequest((b"route",), b"7", "front", "10.0.0.1", b"me", "NULL")


def test_credentials_are_kept_and_never_shown() -> None:
    request = parse_request([*GOOD[:-1], b"PLAIN", b"alice", b"sesame"])
    assert isinstance(request, ZapRequest)
    assert request.credentials == (b"alice", b"sesame")
    assert "sesame" not in repr(request)


def test_a_mechanism_of_the_future_is_left_to_the_policy() -> None:
    request = parse_request([*changed(7, b"GSSAPI"), b"principal"])
    assert isinstance(request, ZapRequest)


@pytest.mark.parametrize(
    ("frames", "why", "answered"),
    [
        ([], "no empty frame", False),
        ([b"a", b"b"], "no empty frame", False),
        ([b"a", b""], "0 frames", False),
        (GOOD[:5], "3 frames", True),
        (changed(2, b"2.0"), "version", True),
        (changed(3, b"i" * 256), "id of more than", False),
        (changed(6, b"i" * 256), "id of more than", False),
        (changed(4, b"\xff"), "not text", True),
        ([*GOOD, b"extra"], "NULL with 1 credentials", True),
        (changed(7, b"PLAIN"), "PLAIN with 0 credentials", True),
        ([*changed(7, b"PLAIN"), b"a", b"p" * 256], "more than 255", True),
        ([*changed(7, b"CURVE"), b"short"], "not 32 bytes", True),
    ],
)
def test_a_malformed_request_is_refused(frames: list[bytes], why: str, answered: bool) -> None:
    request = parse_request(frames)
    assert isinstance(request, Malformed)
    assert why in request.why
    assert (request.id is not None) == answered


def test_a_reply_goes_back_along_the_envelope() -> None:
    reply = build_reply((b"route",), b"7", ZapReply(200, "OK", "alice"))
    assert reply == [b"route", b"", b"1.0", b"7", b"200", b"OK", b"alice", b""]


def test_a_refusal_names_no_user() -> None:
    assert build_reply((), b"7", ZapReply(400, "no", "alice"))[-2] == b""


def test_the_text_is_cut_to_what_the_protocol_carries() -> None:
    assert len(build_reply((), b"7", ZapReply(400, "é" * 300))[4]) == 255


def test_a_status_that_zap_has_not_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="no ZAP status"):
        build_reply((), b"7", ZapReply(404, "lost"))


near_valid = st.lists(
    st.one_of(st.binary(max_size=300), st.sampled_from([*GOOD, b"PLAIN", b"CURVE", b"k" * 32])),
    max_size=12,
)


@given(near_valid)
def test_any_frames_are_read_or_refused(frames: list[bytes]) -> None:
    request = parse_request(frames)
    if isinstance(request, ZapRequest):
        assert build_reply(request.envelope, request.id, ZapReply(200, "OK"))[-5] == request.id
