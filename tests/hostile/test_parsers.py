"""Every parser takes any bytes: it reads them, or refuses them as its callers expect."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.parsers import PARSERS, cut_up, feed

# Pieces of everything that is parsed, so that near-valid input is met often.
WORDS = [
    *(b"curve", b"metadata\n    ", b"public-key", b" = ", b'"', b"alice subscribe ", b"hex:00"),
    *(b"tcp://", b"ipc://", b"127.0.0.1", b":5555", b"*", b"[::1]", b"10.0.0.0/8"),
    *(b"frontend: ", b"backend:\n  ", b"bind", b"device: queue", b"{", b"}", b"[", b"]", b"- "),
    *(b"&a ", b"*a", b"<<: ", b"!!python/object:os.system ", b"? ", b"|\n", b"${HOME:-x}"),
    *(
        b'{"v": 1, "do": "status"}',
        b"PAUSE",
        b"\x05READY",
        b"\x0bSocket-Type",
        b"\x00\x00\x00\x03SUB",
    ),
    *(b"\xff\0\0\0\0\0\0\0\0\x7f\x03\x01NULL", b"1.0", b"PLAIN", b"CURVE", b"MDPC01", b"MDPW02"),
    *(b"alice:$scrypt$ln=14,r=8,p=1$", b"5s", b"64KiB", b"0.1%", b"{n}", b"\\x41", b'"body":'),
    *(b"ZQS1", b"\0", b"\x01", b"\n", b"parts:\n  a: ", b"include: f", b"replicas: 9", b"#"),
]
pieces = st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=20)), max_size=12)


@pytest.mark.parametrize("name", sorted(PARSERS))
@settings(max_examples=200)
@given(data=st.one_of(st.binary(max_size=200), pieces.map(b"".join)))
def test_any_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    feed(name, data)


@pytest.mark.parametrize("name", sorted(PARSERS))
def test_extremes_are_read_or_refused(name: str) -> None:
    for data in (b"", b"\0", b"\xff" * 5000, b"[" * 5000, b"{" * 5000, b"9" * 5000, b"a: " * 2000):
        feed(name, data)


@given(st.lists(st.binary(max_size=255), max_size=5))
def test_frames_are_cut_as_they_are_told(frames: list[bytes]) -> None:
    assert cut_up(b"".join(bytes((len(frame),)) + frame for frame in frames)) == frames
