"""What `top` shows and what its keys do, with no terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zmqdev.report.glyphs import ASCII, UNICODE
from zmqdev.stats.rates import Record
from zmqdev.stats.snapshot import PeerCounts, SideState, Snapshot
from zmqdev.tools.top.screen import keys
from zmqdev.tools.top.sorts import SORTS
from zmqdev.tools.top.table import FIELDS, screen
from zmqdev.tools.top.view import QUIT, Item, View, missed, ordered, press

Device = Callable[..., Snapshot]
RATES = {"fast": 1000, "slow": 10, "still": 0}


@pytest.fixture
def items(device: Device) -> list[Item]:
    """Three devices that were looked at for ten seconds, and one that does not answer."""
    record = Record()
    for second in range(11):
        subjects = [device(float(second), rate * second, name=name) for name, rate in RATES.items()]
        seen = record.take(subjects)
    found = [Item(item.subject.name, f"ipc://{item.subject.name}", item) for item in seen]
    return [*found, Item("gone", "ipc://gone", None)]


def names(items: list[Item], **view: Any) -> list[str]:
    return [item.name for item in ordered(items, View(**view))]


def test_names_go_up_and_numbers_go_down(items: list[Item]) -> None:
    assert names(items) == ["fast", "gone", "slow", "still"]
    assert names(items, inverted=True) == ["still", "slow", "gone", "fast"]
    assert names(items, sort="msg/s")[:2] == ["fast", "slow"]
    assert names(items, sort="messages", inverted=True)[-2:] == ["slow", "fast"]


def test_each_column_with_a_sort_is_one_that_can_be_asked_for() -> None:
    assert [field.sort for field in FIELDS if field.sort] == list(SORTS)


@pytest.mark.parametrize("sort", SORTS)
def test_everything_that_is_shown_can_be_sorted_by(items: list[Item], sort: str) -> None:
    assert sorted(names(items, sort=sort)) == ["fast", "gone", "slow", "still"]


def test_arrows_choose_and_stay_in_the_table(items: list[Item]) -> None:
    shown = ordered(items, View())
    view = View()
    for _ in range(2):
        view, order = press(view, "down", shown)
        assert order is None
    assert view.chosen == "slow"
    for _ in range(9):
        view, _ = press(view, "up", shown)
    assert view.chosen == "fast"


def test_keys_become_verbs_for_the_chosen_device(items: list[Item]) -> None:
    shown = ordered(items, View())
    for key, verb in (("p", "pause"), ("r", "resume")):
        _, order = press(View(chosen="slow"), key, shown)
        assert order is not None
        assert (order.verb, order.item and order.item.name) == (verb, "slow")
    _, order = press(View(), "q", shown)
    assert order is not None
    assert order.verb == QUIT


def test_only_a_second_s_stops_a_device(items: list[Item]) -> None:
    shown = ordered(items, View())
    view, order = press(View(chosen="slow"), "s", shown)
    assert (order, view.said) == (None, "press s again to stop slow")
    other, order = press(view, "down", shown)
    assert press(other, "s", shown)[1] is None
    _, order = press(view, "s", shown)
    assert order is not None
    assert (order.verb, order.item and order.item.name) == ("stop", "slow")


def test_left_and_right_change_the_column_and_i_inverts(items: list[Item]) -> None:
    view, _ = press(View(), "right", items)
    assert view.sort == "state"
    view, _ = press(view, "left", items)
    view, _ = press(view, "left", items)
    assert view.sort == "queued"
    assert press(view, "i", items)[0].inverted


def test_keys_with_no_device_do_nothing() -> None:
    for key in ("p", "r", "s", "down", "x"):
        assert press(View(), key, []) == (View(), None)


def test_typed_bytes_are_keys() -> None:
    assert keys(b"p\x1b[Aq") == ["p", "up", "q"]
    assert keys(b"\x1bOB\x1b[C\x1b[D") == ["down", "right", "left"]
    assert keys(b"\x1b[5~\x1b[1;5A\x00\xff") == []


@pytest.mark.parametrize(("width", "height"), [(200, 40), (120, 24), (80, 24), (40, 10), (20, 4)])
def test_the_screen_fits_any_terminal(items: list[Item], width: int, height: int) -> None:
    for glyphs in (UNICODE, ASCII):
        lines = screen(items, View(), width, height, glyphs, "12:00:00")
        assert len(lines) <= height
        assert all(line.cell_len <= width for line in lines)


def test_a_wide_screen_has_every_number(items: list[Item]) -> None:
    text = "\n".join(line.plain for line in screen(items, View(), 200, 40, UNICODE, "12:00:00"))
    assert "4 devices" in text
    assert "1.00 k" in text
    assert "no answer" in text
    for title in ("state", "msg/s", "bytes/s", "messages", "blocked", "drops", "peers", "minute"):
        assert title in text
    assert "queued" not in text  # no reliable queue here
    assert "failed" not in text


def test_a_reliable_queue_shows_how_many_wait(device: Device) -> None:
    details = {"reliable": {"queued": 1234, "services": []}}
    seen = Record().take([device(1.0, 5, name="rq", details=details)])
    text = "\n".join(
        line.plain
        for line in screen([Item("rq", "ipc://rq", seen[0])], View(), 160, 10, UNICODE, "")
    )
    assert "queued" in text
    assert "1.23 k" in text


@pytest.mark.parametrize(
    ("details", "shown"),
    [
        ({"reliable": {"queued": 7, "services": [], "store_bytes": 5 << 20, "store_full": 0}}, "7"),
        ({"spool": {"waiting": 7, "spool_bytes": 5 << 20, "spool_full": True}}, "7"),
    ],
)
def test_a_store_and_a_spool_show_their_size(
    device: Device, details: dict[str, Any], shown: str
) -> None:
    seen = Record().take([device(1.0, 5, name="kept", details=details)])
    item = Item("kept", "ipc://kept", seen[0])
    head, row = (line.plain for line in screen([item], View(), 180, 10, UNICODE, "")[1:3])
    for title, value in (("queued", shown), ("disk", "5.00 MiB")):
        end = head.index(title) + len(title)
        assert row[:end].endswith(value)


def test_failed_handshakes_are_shown_where_some_failed(device: Device) -> None:
    sides = (
        SideState("frontend", "PULL", (), PeerCounts(failed_handshakes=40)),
        SideState("backend", "PUSH", (), PeerCounts(failed_handshakes=2)),
    )
    seen = Record().take([device(1.0, 5, name="bad", sides=sides)])
    item = Item("bad", "ipc://bad", seen[0])
    head, row = (line.plain for line in screen([item], View(), 160, 10, UNICODE, "")[1:3])
    at = head.index("failed")
    assert row[at : at + len("failed")].strip() == "42"


def plain(items: list[Item], width: int, height: int = 24, **view: Any) -> list[str]:
    return [line.plain for line in screen(items, View(**view), width, height, UNICODE, "12:00:00")]


def test_failures_and_drops_outlast_totals_in_a_narrow_terminal(device: Device) -> None:
    side = SideState("frontend", "PULL", (), PeerCounts(failed_handshakes=40))
    seen = Record().take([device(1.0, 5, name="bad", sides=(side,))])
    head = plain([Item("bad", "ipc://bad", seen[0])], 72)[1]
    assert "failed" in head
    assert "drops" in head
    assert "messages" not in head


def test_what_it_is_sorted_by_is_always_shown(items: list[Item]) -> None:
    assert "peers" not in plain(items, 50)[1]
    assert "peers" in plain(items, 50, sort="peers")[1]


def test_a_sparkline_goes_before_the_kind_and_the_bytes_in_all(items: list[Item]) -> None:
    head = plain(items, 90)[1]
    assert "last minu" in head
    assert "kind" not in head
    assert "last minute" in plain(items, 200)[1]


def test_the_way_out_stays_in_sight(items: list[Item]) -> None:
    for width in (100, 76, 60, 40):
        assert plain(items, width)[-1].endswith("q quit")
    assert plain(items, 60)[-1].startswith("p pause")


def test_a_low_terminal_tells_which_rows_it_shows(items: list[Item]) -> None:
    shown = plain(items, 100, height=6, chosen="still")
    assert "4 devices, rows 5 to 7 of 7" in shown[0]
    assert len(shown) == 6
    assert "rows" not in plain(items, 100)[0]


def test_a_device_that_has_gone_is_told_of(items: list[Item]) -> None:
    assert missed(items, items[1:]) == "no longer there: fast"
    assert missed(items[1:], items) == ""


def test_in_a_low_terminal_the_chosen_device_stays_in_sight(items: list[Item]) -> None:
    lines = screen(items, View(chosen="still"), 100, 6, UNICODE, "")
    assert any(line.plain.startswith("still") for line in lines)
    lines = screen(items, View(chosen="fast"), 100, 6, UNICODE, "")
    assert any(line.plain.startswith("fast") for line in lines)


def test_with_no_device_it_says_so() -> None:
    text = "\n".join(line.plain for line in screen([], View(), 80, 24, UNICODE, ""))
    assert "this user has no running device; start one, like: zmqdev queue 5555 5556" in text


def test_the_chosen_row_does_not_invert_its_sparkline(items: list[Item]) -> None:
    lines = screen(items, View(chosen="fast"), 160, 24, UNICODE, "")
    row = next(line for line in lines if line.plain.startswith("fast"))
    at = {str(span.style): span for span in row.spans}
    assert at["reverse"].end <= at["cyan"].start
