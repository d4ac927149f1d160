"""Greetings of every ZMTP version are read, in any slices; nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.tools.probe.greeting import GREETING_BYTES, SIGNATURE, Greeting, Unread, build, read


def test_what_is_built_is_read_back() -> None:
    assert read(build()) == Greeting(3, 1)
    assert read(build("CURVE", as_server=True, minor=0)) == Greeting(3, 0, "CURVE", True)


def test_a_newer_version_is_read_as_what_it_is() -> None:
    data = bytearray(build())
    data[10:12] = (4, 2)
    read_back = read(bytes(data))
    assert isinstance(read_back, Greeting)
    assert read_back.version == "4.2"


@pytest.mark.parametrize("mechanism", ["", "x" * 21])
def test_a_mechanism_that_does_not_fit_is_our_mistake(mechanism: str) -> None:
    with pytest.raises(ValueError, match="1 to 20"):
        build(mechanism)


@pytest.mark.parametrize("size", range(GREETING_BYTES))
def test_a_part_of_a_greeting_needs_more(size: int) -> None:
    assert read(build("PLAIN")[:size]) is Unread.SHORT


@pytest.mark.parametrize(
    ("data", "version", "socket_type"),
    [
        (b"\x01\x00", "1.0", None),
        (b"\x04\x00abc", "1.0", None),
        (b"\xff\0\0\0\0\0\0\0\x01\x7f\x00", "1.0", None),
        (b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x07\x00\x00", "2.0", "PULL"),
        (b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x0a\x00\x00", "2.0", "XSUB"),
    ],
)
def test_old_versions_are_known(data: bytes, version: str, socket_type: str | None) -> None:
    greeting = read(data)
    assert isinstance(greeting, Greeting)
    assert (greeting.version, greeting.socket_type) == (version, socket_type)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400",
        b"SSH-2.0-x",
        b"\x16\x03\x01\x02",
        b"\xff\xfb\x01",
        b"\xff" + bytes(8) + b"\x7e",
        b"\xff" + b"\x01" * 8 + b"\x7f",
        SIGNATURE + b"\x02\x00",
        SIGNATURE + b"\x01\x0b",
        SIGNATURE + b"\x03\x01" + bytes(52),
        SIGNATURE + b"\x03\x01NU\0L".ljust(54, b"\0"),
        SIGNATURE + b"\x03\x01\xff\xfe".ljust(54, b"\0"),
        b"\x01\x00\x00",
        b"\x02\x01a",
    ],
)
def test_what_is_no_greeting_is_foreign(data: bytes) -> None:
    assert read(data) is Unread.FOREIGN


@given(st.binary(max_size=80), st.sampled_from([b"", SIGNATURE, SIGNATURE + b"\x03", b"\xff"]))
def test_any_bytes_have_an_answer_that_more_bytes_do_not_take_back(
    data: bytes, start: bytes
) -> None:
    whole = (start + data)[:GREETING_BYTES]
    answers = [read(whole[:size]) for size in range(len(whole) + 1)]
    first = next((at for at, answer in enumerate(answers) if answer is not Unread.SHORT), None)
    if first is not None and whole[:1] == b"\xff":
        assert set(map(str, answers[first:])) == {str(answers[first])}
