"""Records come out whole, however the stream falls into chunks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.endpoints.form.split import Splitter
from zmqdev.errors import RunError


def split(delimiter: bytes | None, chunks: list[bytes], limit: int = 0) -> list[bytes]:
    splitter = Splitter(delimiter, limit)
    records = [record for chunk in chunks for record in splitter.receive(chunk)]
    return records + splitter.finish()


def test_a_line_over_two_chunks_is_one_line() -> None:
    assert split(b"\n", [b"ab", b"cd\nef", b"\n"]) == [b"abcd", b"ef"]


def test_a_last_line_without_newline_is_a_message() -> None:
    assert split(b"\n", [b"a\nb"]) == [b"a", b"b"]


def test_a_final_newline_makes_no_empty_message() -> None:
    assert split(b"\n", [b"a\n"]) == [b"a"]


def test_empty_lines_are_empty_messages() -> None:
    assert split(b"\n", [b"\n\na\n"]) == [b"", b"", b"a"]


def test_lines_may_hold_newlines_when_nul_ends_them() -> None:
    assert split(b"\0", [b"a\nb\0c\n\0"]) == [b"a\nb", b"c\n"]


@pytest.mark.parametrize("whole", [b"", b"a", b"a\n", b"\n\n", b"a\0b\n"])
def test_the_whole_keeps_its_last_newline_or_has_none(whole: bytes) -> None:
    assert split(None, [whole]) == [whole]


def test_a_record_longer_than_the_limit_is_refused_while_it_comes() -> None:
    splitter = Splitter(b"\n", limit=10)
    splitter.receive(b"12345678")
    with pytest.raises(RunError, match="longer than 10 bytes"):
        splitter.receive(b"9012")


def test_a_record_longer_than_the_limit_is_refused_also_when_it_ends() -> None:
    with pytest.raises(RunError, match="longer than 10 bytes"):
        split(b"\n", [b"12345678901\n"], limit=10)


def test_a_record_of_just_the_limit_passes() -> None:
    assert split(b"\n", [b"1234567890\n12\n"], limit=10) == [b"1234567890", b"12"]


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=8))
def test_where_the_chunks_are_cut_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    data = data.replace(b"x", b"\n")
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    chunks = [data[a:b] for a, b in pairwise(edges)]
    assert split(b"\n", chunks) == split(b"\n", [data])
    assert split(None, chunks) == [data]


@given(st.lists(st.binary(max_size=8).filter(lambda line: b"\n" not in line)))
def test_lines_come_back_as_they_were_joined(lines: list[bytes]) -> None:
    assert split(b"\n", [b"".join(line + b"\n" for line in lines)]) == lines
