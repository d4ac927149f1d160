"""What a low terminal leaves out, and that it says so."""

from __future__ import annotations

from rich.text import Text

from zmqdev.report.rows import Rank, Row, fit


def rows(*ranks: Rank) -> list[Row]:
    return [Row(Text(f"{number} {rank.name}"), rank) for number, rank in enumerate(ranks)]


def shown(found: list[Text]) -> list[str]:
    return [line.plain for line in found]


def test_what_matters_least_goes_first() -> None:
    table = rows(Rank.HEAD, Rank.FLOW, Rank.MORE, Rank.FLOW)
    assert shown(fit(table, 3)) == ["0 HEAD", "1 FLOW", "3 FLOW"]
    assert shown(fit(table, 2)) == ["1 FLOW", "3 FLOW"]


def test_rows_that_had_no_room_are_counted() -> None:
    table = rows(Rank.HEAD, *[Rank.FLOW] * 5)
    assert shown(fit(table, 5)) == [f"{number} FLOW" for number in range(1, 6)]
    assert shown(fit(table, 4)) == ["1 FLOW", "2 FLOW", "3 FLOW", "and 2 more rows"]
    assert shown(fit(table, 2)) == ["1 FLOW", "and 4 more rows"]
    assert shown(fit(table, 1)) == ["1 FLOW"]
