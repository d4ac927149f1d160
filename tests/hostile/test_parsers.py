"""Every parser takes any bytes: it reads them, or refuses them as its callers expect."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.parsers import PARSERS, SAMPLES, WORDS, cut_up, feed

pieces = st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=20)), max_size=12)


@pytest.mark.parametrize("name", sorted(PARSERS))
@settings(max_examples=examples(200))
@given(data=st.one_of(st.binary(max_size=200), pieces.map(b"".join)))
def test_any_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    feed(name, data)


@pytest.mark.parametrize("name", sorted(PARSERS))
def test_extremes_are_read_or_refused(name: str) -> None:
    for data in (b"", b"\0", b"\xff" * 5000, b"[" * 5000, b"{" * 5000, b"9" * 5000, b"a: " * 2000):
        feed(name, data)
    for data in (*SAMPLES, b"[" * 8000, b'{"a":' * 8000, b"a?" * 8000):
        feed(name, data)


@given(st.lists(st.binary(max_size=255), max_size=5))
def test_frames_are_cut_as_they_are_told(frames: list[bytes]) -> None:
    assert cut_up(b"".join(bytes((len(frame),)) + frame for frame in frames)) == frames
