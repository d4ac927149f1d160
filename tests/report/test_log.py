from __future__ import annotations

import json
import logging
import os
import re
import sys
from pathlib import Path

import pytest

from zmqdev.options.common import Logging
from zmqdev.report.log import TerminalLines, logging_to_stderr, route, tell_settings
from zmqdev.system import journal

log = logging.getLogger("zmqdev")


def test_a_line_has_time_level_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr(Logging()):
        log.warning("the frontend %s", "waits")
        log.info("not at this level")
    line = capsys.readouterr().err
    assert line.endswith(" warning: the frontend waits\n")
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    ("spec", "levels"),
    [
        (Logging(quiet=True), ["error"]),
        (Logging(), ["error", "warning"]),
        (Logging(verbose=1), ["error", "warning", "info"]),
        (Logging(verbose=9), ["error", "warning", "info", "debug"]),
    ],
)
def test_the_level_follows_q_and_v(
    spec: Logging, levels: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to_stderr(spec):
        for level in (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG):
            log.log(level, "told")
    told = capsys.readouterr().err.splitlines()
    assert [line.split()[1].rstrip(":") for line in told] == levels


def test_settings_are_told_at_vv_a_line_for_each_part(capsys: pytest.CaptureFixture[str]) -> None:
    settings = {"device": "queue", "frontend": {"bind": ["a", "b"], "sndhwm": 5}, "quiet": False}
    with logging_to_stderr(Logging(verbose=1)):
        tell_settings(lambda: pytest.fail("nobody wants to know"))
    with logging_to_stderr(Logging(verbose=2)):
        tell_settings(lambda: settings)
    told = [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert told == [
        "settings: all: device queue, quiet false",
        "settings: frontend: bind a b, sndhwm 5",
    ]


def test_json_lines_parse(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr(Logging(log_format="json")):
        try:
            raise ValueError("an error of ours\nin two lines")
        except ValueError:
            log.exception("it broke")
    told = json.loads(capsys.readouterr().err)
    assert told["level"] == "error"
    assert told["message"] == "it broke"
    assert "an error of ours" in told["traceback"]


def test_what_peers_say_cannot_steer_the_terminal_nor_fake_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with logging_to_stderr(Logging()):
        log.warning("refused %s", "x\x1b[2J\n12:00:00 error: all is lost\x9b1m")
    told = capsys.readouterr().err
    assert told.endswith("refused x\\x1b[2J\\x0a12:00:00 error: all is lost\\x9b1m\n")
    assert told.count("\n") == 1


def test_json_lines_cannot_either(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "x\x1b[2J\x9b1m\u202e\n"
    with logging_to_stderr(Logging(log_format="json")):
        log.warning("refused %s", hostile)
    told = capsys.readouterr().err
    assert json.loads(told)["message"] == f"refused {hostile}"
    assert told.removesuffix("\n").isprintable()


def test_lines_go_where_the_live_view_says_while_there_is_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    above: list[str] = []

    def take(text: str) -> bool:
        above.append(text)
        return True

    with logging_to_stderr(Logging()):
        route(take)
        log.warning("first")
        route(None)
        log.warning("second")
    assert [line.split(": ")[1] for line in above] == ["first\n"]
    assert "first" not in (told := capsys.readouterr().err)
    assert "second" in told


def test_afterwards_the_logger_is_as_it_was() -> None:
    before = (log.level, list(log.handlers))
    with logging_to_stderr(Logging(verbose=3)):
        assert log.handlers != before[1]
    assert (log.level, log.handlers) == before


def test_off_a_terminal_a_line_has_date_and_zone_as_statistics_have(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with logging_to_stderr(Logging()):
        log.warning("told")
    line = capsys.readouterr().err
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning: told\n", line)


def test_on_a_terminal_a_line_has_the_time_of_day() -> None:
    record = logging.LogRecord("zmqdev", logging.WARNING, "", 0, "told", None, None)
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} warning: told", TerminalLines().format(record))


def test_the_journal_gets_a_priority_on_each_line_and_no_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "err").open("w") as stream:
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        monkeypatch.setattr(sys, "stderr", stream)
        with logging_to_stderr(Logging(verbose=3)):
            log.warning("told")
            log.info("more")
            try:
                raise ValueError("ours")
            except ValueError:
                log.exception("it broke")
    lines = (tmp_path / "err").read_text().splitlines()
    assert lines[:3] == ["<4>warning: told", "<6>info: more", "<3>error: it broke"]
    assert len(lines) > 4
    assert all(line.startswith("<3>") for line in lines[2:])


def test_a_stream_that_was_redirected_since_is_no_journal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:4711")
    with (tmp_path / "err").open("w") as stream:
        assert not journal.reads(stream)
    assert not journal.reads(None)
