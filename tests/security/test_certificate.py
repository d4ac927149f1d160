"""Certificates are read as czmq and pyzmq write them; what is wrong is told by line and column."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
import zmq.auth
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.errors import UsageError
from zmqdev.security.certificate import LONGEST_FILE, Certificate, parse, render

WHEN = datetime(2024, 2, 29, 12, 0, 0)
PUBLIC = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
SECRET = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
CZMQ = f"""#   ****  Generated on 2013-11-14 20:45:01 by CZMQ  ****
#   ZeroMQ CURVE **Secret** Certificate
#   DO NOT PROVIDE THIS FILE TO OTHER USERS nor change its permissions.

metadata
    name = "alice"
    email = 'a"b@example.com'   # a comment
    bare = value # another
curve
    public-key = "{PUBLIC}"
    secret-key = "{SECRET}"
"""


def test_a_file_of_czmq_is_read() -> None:
    certificate = parse(CZMQ.encode(), "alice.key_secret")
    assert (certificate.public, certificate.secret) == (PUBLIC, SECRET)
    assert certificate.name == "alice"
    assert certificate.metadata[1:] == (("email", 'a"b@example.com'), ("bare", "value"))


def test_files_of_pyzmq_are_read_and_ours_by_pyzmq(tmp_path: Path) -> None:
    public_file, secret_file = zmq.auth.create_certificates(tmp_path, "bob", {"name": "bob"})
    certificate = parse(Path(secret_file).read_bytes(), secret_file)
    assert certificate.name == "bob"
    assert parse(Path(public_file).read_bytes(), public_file).secret is None
    ours = tmp_path / "ours"
    ours.write_text(render(certificate, WHEN, secret=True))
    public, secret = zmq.auth.load_certificate(ours)
    assert (public, secret) == (certificate.public.encode(), (certificate.secret or "").encode())


def test_the_public_file_holds_no_secret() -> None:
    certificate = Certificate(PUBLIC, SECRET)
    assert SECRET not in render(certificate, WHEN, secret=False)
    assert SECRET not in repr(certificate)


def test_metadata_that_zpl_cannot_hold_is_refused() -> None:
    for value in ("two\nlines", "both ' and \""):
        with pytest.raises(ValueError, match="metadata value"):
            render(Certificate(PUBLIC, None, (("x", value),)), WHEN, secret=False)


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("", "f", "no public-key"),
        ("curve\n", "f", "no public-key"),
        (f'public-key = "{PUBLIC}"\n', "f:1:1", "must be indented"),
        (f'    public-key = "{PUBLIC}"\n', "f:1:5", "before any section"),
        ("<html>\n", "f:1:1", "expected a section name"),
        ("curve\n    nothing\n", "f:2:5", "expected 'name = value'"),
        ("curve\n    = x\n", "f:2:5", "without a name"),
        ('curve\n    public-key = "abc\n', "f:2:18", "not closed"),
        ('curve\n    public-key = "abc" x\n', "f:2:24", "follows the closing quote"),
        ('curve\n    public-key = "abc"\n', "f:2:5", "40 characters, this has 3"),
        (f'curve\n  public-key="{PUBLIC}"\n  public-key="{PUBLIC}"', "f:3:3", "duplicate"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, place: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        parse(text.encode(), "f")
    assert caught.value.place == place


def test_bytes_that_are_no_text_are_told_with_their_place() -> None:
    with pytest.raises(UsageError) as caught:
        parse(b"curve\n  \xff", "f")
    assert caught.value.place == "f:2:3"


def test_a_huge_file_is_refused_before_it_is_read() -> None:
    with pytest.raises(UsageError, match="larger than"):
        parse(b"#" * (LONGEST_FILE + 1), "f")


def test_a_wrong_secret_key_is_never_shown() -> None:
    text = f'curve\n    public-key = "{PUBLIC}"\n    secret-key = "{SECRET[:-1]}"\n'
    with pytest.raises(UsageError) as caught:
        parse(text.encode(), "f")
    assert SECRET[:8] not in str(caught.value)


words = st.text(alphabet="ab=\"'# \t\n\r-curve", max_size=80)


@given(st.one_of(st.binary(max_size=200), words.map(str.encode)))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for start in (b"", b"curve\n    ", CZMQ.encode()):
        assert place_told(start + data).startswith("f")


def place_told(data: bytes) -> str:
    try:
        parse(data, "f")
    except UsageError as error:
        return str(error.place)
    return "f"


values = st.text().filter(lambda text: text.isprintable() and '"' not in text)


@given(st.lists(st.tuples(st.sampled_from(["name", "email"]), values), max_size=3))
def test_what_is_written_is_read_back(metadata: list[tuple[str, str]]) -> None:
    certificate = Certificate(PUBLIC, SECRET, tuple(metadata))
    assert parse(render(certificate, WHEN, secret=True).encode(), "f") == certificate
