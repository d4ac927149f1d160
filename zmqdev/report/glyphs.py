"""The characters of the live view, with ASCII ones for terminals that lack them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Glyphs:
    """Characters to draw with.

    `spark` goes from zero to full; `box` has corners and sides: tl, tr, bl, br, -, and
    the vertical one.
    """

    spark: str
    box: str
    full: str
    empty: str
    dot: str
    arrow: str
    cut: str


UNICODE = Glyphs(
    spark="▁▂▃▄▅▆▇█", box="╭╮╰╯─│", full="█", empty="░", dot=" · ", arrow=" → ", cut="…"
)
ASCII = Glyphs(spark="_.:-=+*#", box="++++-|", full="#", empty=".", dot=", ", arrow=" -> ", cut="~")


def glyphs_for(encoding: str | None) -> Glyphs:
    """Return the characters that the encoding of a stream can represent."""
    try:
        "".join(vars(UNICODE).values()).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def sparkline(values: Sequence[float | None], signs: str) -> str:
    """Return a character for each value, scaled to the largest; a blank where it is unknown.

    The lowest character means zero, and only zero.
    """
    top = max((value for value in values if value), default=0.0)
    steps = len(signs) - 1

    def sign(value: float | None) -> str:
        if value is None:
            return " "
        if value <= 0 or top <= 0:
            return signs[0]
        return signs[max(1, min(steps, round(value / top * steps)))]

    return "".join(map(sign, values))


def bar(share: float, width: int, glyphs: Glyphs) -> str:
    """Return a progress bar, which is full only at 100 %."""
    done = int(max(0.0, min(1.0, share)) * width)
    return glyphs.full * done + glyphs.empty * (width - done)
