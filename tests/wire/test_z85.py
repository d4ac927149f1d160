"""Z85 round-trips, agrees with RFC 32 and libzmq, and refuses what is mistyped."""

from __future__ import annotations

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st
from zmq.utils import z85 as pyzmq_z85

from zmqdev.wire import z85


def test_the_example_of_rfc_32() -> None:
    assert z85.encode(bytes.fromhex("864FD26FB559F75B")) == "HelloWorld"
    assert z85.decode("HelloWorld") == bytes.fromhex("864FD26FB559F75B")


@given(st.binary(max_size=64).filter(lambda data: len(data) % 4 == 0))
def test_it_round_trips_and_agrees_with_pyzmq(data: bytes) -> None:
    text = z85.encode(data)
    assert z85.decode(text) == data
    assert pyzmq_z85.encode(data) == text.encode()


def test_a_key_of_libzmq_is_read() -> None:
    public, _ = zmq.curve_keypair()
    assert len(z85.key(public.decode())) == 32


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("abcd", "multiple of 5"),
        ("abc d", "character 4"),
        ('abcd"', "character 5"),
        ("#####", "no Z85 group"),
        ("abcdé", "character 5"),
    ],
)
def test_what_is_no_z85_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        z85.decode(text)


def test_a_key_has_forty_characters() -> None:
    with pytest.raises(ValueError, match="40 characters, this has 39"):
        z85.key("a" * 39)


def test_bytes_that_are_no_multiple_of_four_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        z85.encode(b"abc")


@given(st.text(max_size=50))
def test_any_text_is_read_back_or_refused(text: str) -> None:
    assert read_back(text) in (text, "refused")


def read_back(text: str) -> str:
    try:
        return z85.encode(z85.decode(text))
    except ValueError:
        return "refused"
