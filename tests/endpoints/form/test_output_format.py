"""The form of output that a person writes."""

from __future__ import annotations

import time

import pytest

from zmqdev.endpoints.form.output_format import Received, compile_format
from zmqdev.errors import UsageError

NOW = 1_795_443_794.25
TICK = Received([b"ACME", b"189", b"\x00\xff"], NOW)
ALONE = Received([b"hello world"], NOW)


def shown(form: str, message: Received = TICK) -> bytes:
    return compile_format(form).render(message)


@pytest.mark.parametrize(
    ("form", "made"),
    [
        (r"%t %p\n", b"ACME 189 \x00\xff\n"),
        ("%m", b"ACME 189 \x00\xff"),
        ("%{2}|%{3}|%{4}|", b"189|\x00\xff||"),
        ("%l %c", b"6 3"),
        ("%x %X", b"3138392000ff 3138392000FF"),
        ("%6t|%-6t|%2t", b"  ACME|ACME  |ACME"),
        (r"%%@@\t\0\x1b\\", b"%@\t\0\x1b\\"),
        ("%U", b"1795443794.250000"),
        ("100 €", "100 €".encode()),
    ],
)
def test_each_word_is_what_the_table_says(form: str, made: bytes) -> None:
    assert shown(form) == made


def test_a_lone_frame_is_the_payload() -> None:
    assert shown("[%t] %p", ALONE) == b"[] hello world"
    assert shown("%j", ALONE) == b'"hello world"'


def test_times_are_local_as_of_strftime() -> None:
    local = time.strftime("%Y-%m-%d %H:%M", time.localtime(NOW))
    assert shown("@Y-@m-@d @H:@M") == local.encode()
    assert shown("%I").startswith(local.replace(" ", "T").encode())


def test_on_a_terminal_what_peers_wrote_cannot_steer_it() -> None:
    message = Received([b"\x1b[2J"], NOW)
    assert compile_format(r"\x1b[1m%p").render(message, visible=True) == b"\x1b[1m\\x1b[2J"


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("%q", "unknown %q; known are %t %p"),
        ("50%", "a single % at the end"),
        (r"\q", r"unknown escape \q"),
        ("%{0}", "frames are counted from 1"),
    ],
)
def test_what_is_unknown_is_named(form: str, says: str) -> None:
    with pytest.raises(UsageError) as error:
        compile_format(form, "--output-format")
    assert says in str(error.value)
    assert str(error.value).startswith("--output-format: ")
