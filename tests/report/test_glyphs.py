from __future__ import annotations

import pytest

from zmqdev.report.glyphs import ASCII, UNICODE, bar, glyphs_for, sparkline


def test_a_sparkline_is_scaled_to_its_largest() -> None:
    assert sparkline([1, 2, 4, 8], UNICODE.spark) == "▂▃▅█"


def test_only_nothing_looks_like_nothing() -> None:
    assert sparkline([None, 0, 1, 1_000_000], UNICODE.spark) == " ▁▂█"


def test_a_minute_of_silence_is_a_flat_line() -> None:
    assert sparkline([0.0] * 5, UNICODE.spark) == "▁▁▁▁▁"


@pytest.mark.parametrize(
    ("share", "shown"), [(0, "...."), (0.5, "##.."), (0.999, "###."), (1, "####"), (2, "####")]
)
def test_a_bar_is_full_when_all_is_done(share: float, shown: str) -> None:
    assert bar(share, 4, ASCII) == shown


def test_signs_that_the_encoding_lacks_are_not_used() -> None:
    assert glyphs_for("utf-8") is UNICODE
    assert glyphs_for("latin-1") is ASCII
    assert glyphs_for(None) is ASCII
    assert glyphs_for("no-such-encoding") is ASCII
