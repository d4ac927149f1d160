"""Frames and commands: what is encoded is decoded, in any slices; the rest is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.tools.probe import zmtp
from zmqdev.tools.probe.zmtp import Broken, Decoder, Frame, ZmtpCommand, encode, read_command

bodies = st.binary(max_size=600)
frames = st.builds(Frame, bodies, st.booleans()) | st.builds(
    Frame, bodies, st.just(False), st.just(True)
)


@given(st.lists(frames, max_size=5), st.integers(1, 50))
def test_frames_are_decoded_from_slices_of_any_size(sent: list[Frame], size: int) -> None:
    data = b"".join(map(encode, sent))
    decoder = Decoder(1000)
    got = []
    for at in range(0, len(data), size):
        got += decoder.feed(data[at : at + size])
    assert got == sent


def test_the_size_is_as_short_as_it_can_be() -> None:
    assert encode(Frame(b"x" * 255))[:2] == b"\x00\xff"
    assert encode(Frame(b"x" * 256, more=True))[:9] == b"\x03" + (256).to_bytes(8, "big")


def test_a_frame_over_the_limit_is_refused_by_its_header_alone() -> None:
    with pytest.raises(Broken, match="629145600 bytes, more than 1000"):
        Decoder(1000).feed(b"\x02" + (600 << 20).to_bytes(8, "big"))


@pytest.mark.parametrize("flags", [0x05, 0x08, 0x10, 0x80, 0xFF])
def test_flags_that_zmtp_has_not_are_refused(flags: int) -> None:
    with pytest.raises(Broken, match="flags"):
        Decoder(1000).feed(bytes((flags, 0)))


def test_a_command_is_read_back() -> None:
    data = zmtp.ready("SUB", b"me")
    (frame,) = Decoder(1000).feed(data)
    command = read_command(frame.body)
    assert (frame.command, command.name) == (True, "READY")
    properties = zmtp.read_properties(command.data)
    assert zmtp.lookup(properties, "socket-type") == b"SUB"
    assert zmtp.lookup(properties, "Identity") == b"me"
    assert zmtp.lookup(properties, "Resource") is None


def test_a_ping_carries_time_to_live_and_context() -> None:
    (frame,) = Decoder(100).feed(zmtp.ping(b"abc", 300))
    assert read_command(frame.body) == ZmtpCommand("PING", b"\x01\x2cabc")
    with pytest.raises(ValueError, match="at most 16"):
        zmtp.ping(b"x" * 17)


@pytest.mark.parametrize("body", [b"", b"\0", b"\x05REA", b"\x01 ", b"\x02\xff\xfe"])
def test_a_command_without_a_name_is_refused(body: bytes) -> None:
    with pytest.raises(Broken):
        read_command(body)


@pytest.mark.parametrize("data", [b"\0", b"\x01", b"\x01a\0\0\0", b"\x01a\0\0\0\x02b", b"\x01\xff"])
def test_properties_that_end_too_soon_are_refused(data: bytes) -> None:
    with pytest.raises(Broken):
        zmtp.read_properties(data)


def test_the_reason_of_an_error_is_read() -> None:
    assert zmtp.error_reason(b"\x03400") == "400"
    assert zmtp.error_reason(b"") == ""


def outcome(data: bytes) -> str:
    try:
        for frame in Decoder(1000).feed(data):
            command = read_command(frame.body)
            zmtp.error_reason(command.data)
            zmtp.read_properties(command.data)
    except Broken as error:
        return str(error)
    return "read"


@given(st.one_of(st.binary(max_size=200), bodies.map(lambda body: encode(Frame(body)) + body)))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for start in (b"", zmtp.ready("SUB")[:-3], b"\x04\x09\x05READY"):
        assert outcome(start + data)
