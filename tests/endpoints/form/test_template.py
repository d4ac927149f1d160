"""Placeholders are replaced, braces are escaped, everything else is passed on as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.endpoints.form.template import OUTGOING, REPLY, compile_template
from zmqdev.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", b""),
        ("plain", b"plain"),
        ("100 %", b"100 %"),
        ("%d {n}", b"%d 7"),
        ("Req-{n}", b"Req-7"),
        ("{n}{n}", b"77"),
        ("{time} {random}", b"12.500000 42"),
        ("{{n}}", b"{n}"),
        ("{{{n}}}", b"{7}"),
        ("Processed: {body}", b"Processed: \xff\x00"),
    ],
)
def test_a_template_renders(text: str, expected: bytes) -> None:
    rendered = compile_template(text, REPLY).render(n=7, time=12.5, random=42, body=b"\xff\x00")
    assert rendered == expected


def test_an_unknown_placeholder_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as refused:
        compile_template("{count}", OUTGOING, "--data")
    assert str(refused.value) == (
        "--data: unknown placeholder {count}; known are {n}, {time}, {random}; "
        "write {{ and }} for braces"
    )


def test_the_body_is_known_only_in_a_reply() -> None:
    with pytest.raises(UsageError, match=r"unknown placeholder \{body\}"):
        compile_template("{body}", OUTGOING)


@pytest.mark.parametrize("text", ["{", "}", "a{n", "n}b", "{{{", "{n}}"])
def test_a_single_brace_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a single"):
        compile_template(text, OUTGOING)


def test_bytes_of_the_command_line_that_are_no_utf8_stay_as_they_are() -> None:
    assert compile_template("\udcff{n}").render(n=1) == b"\xff1"


def test_many_are_rendered_with_one_number_each() -> None:
    assert compile_template("{n}").render_many(range(3, 6), 0.0, lambda: 0) == [b"3", b"4", b"5"]
    assert compile_template("x%").render_many(range(2), 0.0, lambda: 0) == [b"x%", b"x%"]
    draws = iter([5, 6])
    many = compile_template("{n}-{random}").render_many(range(2), 0.0, lambda: next(draws))
    assert many == [b"0-5", b"1-6"]


@given(st.binary())
def test_any_bytes_pass_when_their_braces_are_doubled(raw: bytes) -> None:
    template = compile_template(raw.replace(b"{", b"{{").replace(b"}", b"}}"))
    assert template.constant
    assert template.render() == raw


@given(st.text(alphabet="{}nx%", max_size=12))
def test_a_template_renders_or_is_refused_and_nothing_else(text: str) -> None:
    try:
        template = compile_template(text)
    except UsageError:
        return
    assert template.render(n=1) == template.render_many([1], 0.0, lambda: 0)[0]
