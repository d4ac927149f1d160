"""The users file: hashes only, told by line, compared without telling."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zmqdev.errors import UsageError
from zmqdev.security import passwords
from zmqdev.security.passwords import Users, load, make_line, parse

# Cheap hashes: what is tested here is not how long they take.
QUICK = 4
GOOD = make_line("alice", b"sesame", ln=QUICK)
# The second test vector of RFC 7914 as a line: "password", "NaCl", N=1024, r=8, p=16.
RFC_LINE = "bob:$scrypt$ln=10,r=8,p=16$TmFDbA$" + (
    "/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA"
)


def test_a_line_lets_its_user_in_and_nobody_else() -> None:
    users = parse(f"# people\n\n{GOOD}\r\n".encode(), "users")
    assert users.verify("alice", b"sesame")
    assert not users.verify("alice", b"sesamE")
    assert not users.verify("bob", b"sesame")
    assert not Users().verify("alice", b"sesame")


def test_the_vector_of_rfc_7914() -> None:
    assert parse(RFC_LINE.encode(), "users").verify("bob", b"password")


def test_what_was_accepted_is_remembered_and_nothing_else() -> None:
    users = parse(GOOD.encode(), "users")
    assert not users.remembers("alice", b"sesame")
    assert users.verify("alice", b"sesame")
    assert users.remembers("alice", b"sesame")
    assert not users.remembers("alice", b"guess")
    assert not users.remembers("bob", b"sesame")


def test_hashes_and_passwords_are_in_no_repr() -> None:
    users = parse(GOOD.encode(), "users")
    users.verify("alice", b"sesame")
    assert "digest" not in repr(users)
    assert "sesame" not in repr(users)
    assert users.entries["alice"].digest.hex() not in repr(users)


def test_two_lines_for_one_password_differ() -> None:
    assert make_line("alice", b"sesame", ln=QUICK) != GOOD


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("alice", "expected 'name:"),
        (":x", "expected 'name:"),
        ("alice:sesame", "never read"),
        ("alice:$scrypt$ln=30,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2g", "out of range"),
        ("alice:$scrypt$ln=0,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2g", "out of range"),
        ("alice:$scrypt$ln=4,r=8,p=99$c2FsdHNhbHQ$aGFzaGhhc2g", "out of range"),
        ("alice:$scrypt$ln=4,r=8,p=1$c2$aGFzaGhhc2g", "not base64"),
        ("alice:$scrypt$ln=4,r=8,p=1$abcde$aGFzaGhhc2g", "not base64"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_no_secret(line: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        parse(f"{GOOD}\n{line}\n".encode(), "users")
    assert caught.value.place == "users:2"
    assert "sesame" not in str(caught.value)
    assert "aGFzaGhhc2g" not in str(caught.value)


def test_a_user_stands_once() -> None:
    with pytest.raises(UsageError, match="duplicate"):
        parse(f"{GOOD}\n{GOOD}\n".encode(), "users")


def test_bytes_that_are_no_text_are_told_with_their_line() -> None:
    with pytest.raises(UsageError) as caught:
        parse(b"# one\n\xff", "users")
    assert caught.value.place == "users:2"


@pytest.mark.parametrize("name", ["", "a:b", " a", "a\n", "#a", "x" * 256])
def test_a_name_that_cannot_be_written_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"user name|PLAIN carries"):
        make_line(name, b"sesame", ln=QUICK)


@pytest.mark.parametrize("password", [b"", b"x" * 256])
def test_a_password_that_plain_cannot_carry_is_refused(password: bytes) -> None:
    with pytest.raises(ValueError, match=r"empty|PLAIN carries"):
        make_line("alice", password, ln=QUICK)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(GOOD + "\n")
    path.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        load(path)
    path.chmod(0o600)
    assert load(path).verify("alice", b"sesame")


def test_a_huge_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "LONGEST_FILE", 10)
    path = tmp_path / "users"
    path.write_text(GOOD)
    with pytest.raises(UsageError, match="larger than"):
        load(path)


@given(st.one_of(st.binary(max_size=120), st.text(alphabet="a:$scrypt=ln,r8p1/+.\n", max_size=80)))
def test_any_file_is_read_or_refused(data: bytes | str) -> None:
    raw = data.encode() if isinstance(data, str) else data
    for start in (b"", b"alice:$scrypt$ln=4,r=8,p=1$"):
        assert place_told(start + raw).startswith("users:")


def place_told(data: bytes) -> str:
    try:
        parse(data, "users")
    except UsageError as error:
        return str(error.place)
    return "users:"


names = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":#"))


@settings(max_examples=20)
@given(names.filter(bool), st.binary(min_size=1, max_size=255))
def test_any_name_and_password_written_are_read_back(name: str, password: bytes) -> None:
    users = parse(make_line(name, password, ln=1).encode(), "users")
    assert users.verify(name, password)
    assert not users.verify(name, password + b"x")
