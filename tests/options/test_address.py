from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.options import address


@pytest.mark.parametrize(
    "text",
    [
        "tcp://127.0.0.1:5555",
        "tcp://*:5555",
        "tcp://*:*",
        "tcp://127.0.0.1:0",
        "tcp://eth0:5555",
        "tcp://[::1]:5555",
        "tcp://[::]:*",
        "ipc:///tmp/queue.sock",
        "ipc://@abstract",
        "inproc://name",
        "tipc://{5560,0,0}",
    ],
)
def test_what_can_be_bound_passes(text: str) -> None:
    assert address.check(text, "bind") == text


@pytest.mark.parametrize(
    "text",
    [
        "tcp://localhost:5555",
        "tcp://broker.example:1",
        "tcp://127.0.0.1:0;10.0.0.1:5555",
        "tcp://[fe80::1]:65535",
    ],
)
def test_what_can_be_connected_passes(text: str) -> None:
    assert address.check(text, "connect") == text


@pytest.mark.parametrize(
    ("text", "verb", "words"),
    [
        ("tcp://127.0.0.1:99999", "bind", "out of range"),
        ("tcp://127.0.0.1:0", "connect", "out of range"),
        ("tcp://127.0.0.1", "bind", "no port"),
        ("tcp://127.0.0.1:", "bind", "not a number"),
        ("tcp://:5555", "bind", "no host; write tcp://"),
        ("tcp://*:5555", "connect", "for bind"),
        ("tcp://host:*", "connect", "for bind"),
        ("tcp://localhost:5555", "bind", "127.0.0.1"),
        ("tcp://::1:5555", "bind", "brackets"),
        ("tcp://[::1:5555", "bind", "missing"),
        ("tcp://[1::2::3]:5555", "bind", "IPv6"),
        ("tcp://256.1.1.1:5555", "bind", "IPv4"),
        ("tcp://a b:5555", "connect", "host name"),
        ("tcp://1.2.3.4:5;1.2.3.4:6", "bind", "connect only"),
        ("udp://1.2.3.4:5", "bind", "not built in"),
        ("htp://1.2.3.4:5", "bind", "unknown transport"),
        ("127.0.0.1.5555", "bind", "not an address"),
        ("ipc://", "bind", "no path"),
        ("ipc://" + "x" * 108, "bind", "107"),
        ("ipc://a\0b", "bind", "no path"),
        ("inproc://" + "x" * 300, "bind", "256"),
    ],
)
def test_a_wrong_address_is_refused_with_its_fix(text: str, verb: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        address.check(text, verb)


@given(st.one_of(st.text(), st.text().map("tcp://".__add__), st.text().map("ipc://".__add__)))
def test_any_text_is_an_address_or_refused_with_words(text: str) -> None:
    for verb in ("bind", "connect"):
        try:
            whole = address.check(text, verb)
            assert whole == address.in_full(text)
            assert address.check(whole, verb) == whole
        except ValueError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("short", "whole"),
    [
        ("5555", "tcp://127.0.0.1:5555"),
        (":5555", "tcp://127.0.0.1:5555"),
        ("localhost:5555", "tcp://127.0.0.1:5555"),
        ("*:5555", "tcp://*:5555"),
        ("10.0.0.1:*", "tcp://10.0.0.1:*"),
        ("[::1]:5555", "tcp://[::1]:5555"),
        ("tcp://127.0.0.1:5555", "tcp://127.0.0.1:5555"),
    ],
)
def test_a_short_address_is_written_out(short: str, whole: str) -> None:
    assert address.check(short, "bind") == whole


def test_a_name_is_a_socket_in_the_runtime_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its suffix is not that of control sockets, so `ctl` does not take it for a device."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert address.check("@jobs", "connect") == f"ipc://{tmp_path}/zmqdev/jobs.ipc"


@pytest.mark.parametrize("text", ["@", "@a/b", "@../x", "hello", "ACME", "5555x", "host:", "70000"])
def test_what_is_no_short_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"after '@'|not an address|out of range"):
        address.check(text, "bind")
