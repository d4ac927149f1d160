from __future__ import annotations

import io
import os
import pty

import pyte
import pytest

from zmqdev.report.terminal import Painted, Region, Terminal
from zmqdev.system.stdio import TextSink


class Screen:
    """A terminal emulator behind a region."""

    def __init__(self, columns: int = 40, rows: int = 10) -> None:
        self.paper = io.StringIO()
        self.emulator = pyte.Screen(columns, rows)
        self.emulator.set_mode(pyte.modes.LNM)  # a newline begins a row, as behind a pty
        self.stream = pyte.Stream(self.emulator)
        self.columns, self.rows = columns, rows
        self.region = Region(TextSink(self.paper), lambda: (self.columns, self.rows))

    def type(self, text: str) -> None:
        """What others write to the same terminal."""
        self.show()
        self.stream.feed(text)

    def show(self) -> list[str]:
        self.stream.feed(self.paper.getvalue())
        self.paper.seek(0)
        self.paper.truncate()
        return [line.rstrip() for line in self.emulator.display if line.strip()]


@pytest.fixture
def screen() -> Screen:
    return Screen()


def lines(*texts: str) -> list[Painted]:
    return [Painted(text, len(text)) for text in texts]


def test_a_frame_takes_the_place_of_the_last(screen: Screen) -> None:
    screen.region.draw(lines("one", "two, which is long", "three"))
    screen.region.draw(lines("four", "five"))
    assert screen.show() == ["four", "five"]


def test_the_cursor_waits_visible_below(screen: Screen) -> None:
    screen.region.draw(lines("one", "two"))
    screen.show()
    assert (screen.emulator.cursor.x, screen.emulator.cursor.y) == (0, 2)
    assert not screen.emulator.cursor.hidden


def test_lines_appear_above(screen: Screen) -> None:
    screen.region.draw(lines("a panel that is rather long", "and high"))
    screen.region.above("log 1\n")
    screen.region.draw(lines("panel"))
    screen.region.above("log 2\n")
    assert screen.show() == ["log 1", "log 2", "panel"]


def test_clearing_leaves_nothing(screen: Screen) -> None:
    screen.region.above("before\n")
    screen.region.draw(lines("one", "two"))
    screen.region.clear()
    assert screen.show() == ["before"]


def test_at_the_bottom_of_the_screen_it_scrolls_and_stays_whole(screen: Screen) -> None:
    for number in range(30):
        screen.region.above(f"log {number}\n")
        screen.region.draw(lines("one", "two", "three"))
    shown = screen.show()
    assert shown == [f"log {number}" for number in range(24, 30)] + ["one", "two", "three"]


def test_it_never_begins_in_the_middle_of_a_row(screen: Screen) -> None:
    screen.type("half a line")
    screen.region.draw(lines("one", "two"))
    assert screen.show() == ["half a line", "one", "two"]


def test_what_others_wrote_is_kept(screen: Screen) -> None:
    screen.region.draw(lines("one", "two"))
    screen.type("$ fg\n")
    screen.region.forget()
    screen.region.draw(lines("one", "two"))
    assert screen.show() == ["one", "two", "$ fg", "one", "two"]


def test_rows_that_the_terminal_has_wrapped_are_counted() -> None:
    screen = Screen()
    screen.region.draw(lines("x" * 40, "y" * 40))
    screen.show()
    # The terminal becomes narrower and wraps each line, as most do.
    wrapped = Screen(20, 10)
    wrapped.type(("x" * 20 + "\n") * 2 + ("y" * 20 + "\n") * 2)
    wrapped.region._shown, wrapped.region._sure = screen.region._shown, True
    wrapped.region.draw(lines("new"))
    assert wrapped.show() == ["new"]


def test_a_frame_is_left_out_while_the_last_one_is_unread() -> None:
    master, slave = pty.openpty()
    region = Region(TextSink(os.fdopen(slave, "w", closefd=False), limit=10**7), lambda: (80, 24))
    frame = lines("z" * 79, *["y" * 79] * 20)
    drawn = [region.draw(frame) for _ in range(200)]
    assert True in drawn
    assert False in drawn
    assert region.above("log\n")  # lines are kept, frames are not
    os.close(master)
    os.close(slave)


def test_a_terminal_of_no_size_is_taken_for_an_ordinary_one() -> None:
    master, slave = pty.openpty()
    assert Terminal(slave).size() == (80, 24)
    read, write = os.pipe()
    assert Terminal(write).size() == (80, 24)
    assert Terminal(write).is_ours()
    for descriptor in (master, slave, read, write):
        os.close(descriptor)
