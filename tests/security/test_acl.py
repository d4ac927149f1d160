"""Rights: what no line grants is refused; a mistake is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.errors import UsageError
from zmqdev.security import acl
from zmqdev.security.acl import Rights, load, parse

FILE = r"""
# who      right     what
alice      subscribe stocks. 'two words'   # a comment
alice      subscribe hex:00ff
'k#y$'     subscribe ''
*          subscribe public.
worker-1   serve     resize convert
worker-2   serve     *
"""


@pytest.fixture
def rights() -> Rights:
    return parse(FILE.encode(), "rights")


@pytest.mark.parametrize(
    ("user", "topic", "may"),
    [
        ("alice", b"stocks.IBM", True),
        ("alice", b"stocks", False),
        ("alice", b"", False),
        ("alice", b"two words!", True),
        ("alice", b"\x00\xff\x01", True),
        ("k#y$", b"", True),
        ("k#y$", b"anything", True),
        ("bob", b"public.news", True),
        ("bob", b"stocks.IBM", False),
        ("worker-1", b"resize", False),
    ],
)
def test_subscriptions_are_granted_by_prefix(
    rights: Rights, user: str, topic: bytes, may: bool
) -> None:
    assert rights.may_subscribe(user, topic) == may


@pytest.mark.parametrize(
    ("user", "service", "may"),
    [
        ("worker-1", b"resize", True),
        ("worker-1", b"resiz", False),
        ("worker-1", b"resize2", False),
        ("worker-2", b"anything", True),
        ("alice", b"resize", False),
    ],
)
def test_services_are_granted_by_name(rights: Rights, user: str, service: bytes, may: bool) -> None:
    assert rights.may_serve(user, service) == may


def test_an_empty_file_grants_nothing() -> None:
    assert not parse(b"", "f").may_subscribe("alice", b"x")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("alice", "expected 'WHO"),
        ("alice subscribe", "expected 'WHO"),
        ("alice read x", "unknown right 'read'; known are subscribe, serve"),
        ("'' subscribe x", "names no topic or service"),
        ("alice subscribe *", "write '' for every topic"),
        ("alice subscribe hex:0g", "not hexadecimal"),
        ("worker serve ''", "a service has a name"),
        ("alice subscribe 'x", "no closing quotation"),
    ],
)
def test_a_mistake_is_told_with_its_line(line: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        parse(f"# first\n{line}\n".encode(), "rights")
    assert caught.value.place == "rights:2"


def test_a_file_is_read_whole_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rights"
    path.write_text(FILE)
    assert load(path).may_subscribe("alice", b"stocks.")
    monkeypatch.setattr(acl, "LONGEST_FILE", 10)
    with pytest.raises(UsageError, match="larger than"):
        load(path)


@given(st.one_of(st.binary(max_size=80), st.text("a*' \\#\nhex:0subscribeserve").map(str.encode)))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for start in (b"", b"alice subscribe "):
        assert place_told(start + data).startswith("rights:")


def place_told(data: bytes) -> str:
    try:
        parse(data, "rights")
    except UsageError as error:
        return str(error.place)
    return "rights:"
