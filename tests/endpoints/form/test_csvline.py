"""CSV records as messages, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.endpoints.form.csvline import RecordSplitter, decode, encode
from zmqdev.endpoints.form.format import Layout, read_in, write_out


@given(st.lists(st.binary().filter(lambda frame: b"\0" not in frame), min_size=1))
def test_what_is_written_is_read_back(frames: list[bytes]) -> None:
    text = write_out(Layout("csv"), [frames], 0.0)
    splitter = RecordSplitter(b"\n")
    [record] = [*splitter.receive(text), *splitter.finish()]
    assert read_in(Layout("csv"), record) == frames


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_record_goes_on_inside_quotes(size: int) -> None:
    text = b'a,"two\nlines"\r\nb,"say ""hi"""\nlast,one'
    splitter, records = RecordSplitter(b"\n"), []
    for at in range(0, len(text), size):
        records += splitter.receive(text[at : at + size])
    records += splitter.finish()
    assert [decode(record) for record in records] == [
        [b"a", b"two\nlines"],
        [b"b", b'say "hi"'],
        [b"last", b"one"],
    ]


@pytest.mark.parametrize("record", [b'a,"open', b'"a"b,c', b""])
def test_what_is_no_record_is_refused(record: bytes) -> None:
    with pytest.raises(ValueError, match="CSV"):
        decode(record)


def test_a_comma_in_a_frame_is_quoted() -> None:
    assert encode([b"a,b", b"\xff"]) == b'"a,b",\xff'
