"""One logger, to stderr: levels by -q and -v, lines as text or JSON.

On a terminal a line has the time of day; elsewhere date and zone as statistics have them, for who
reads it may be elsewhere too. The journal of systemd gets a priority in place of a time.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from zmqdev.device.announce import NOTE
from zmqdev.options.common import Logging
from zmqdev.stats.units import moment
from zmqdev.system import journal
from zmqdev.system.printable import escaped, escaped_json
from zmqdev.system.stdio import Stream, TextSink, is_terminal

log = logging.getLogger("zmqdev")
# -v says who comes and goes, -vv what is set, -vvv everything.
SETTINGS = 15
logging.addLevelName(SETTINGS, "SETTINGS")
_LEVELS = (logging.WARNING, logging.INFO, SETTINGS, logging.DEBUG)


# syslog(3): error, warning, notice, info, debug.
_PRIORITIES = {
    logging.CRITICAL: 2,
    logging.ERROR: 3,
    logging.WARNING: 4,
    NOTE: 5,
    logging.INFO: 6,
    SETTINGS: 7,
    logging.DEBUG: 7,
}
# How long the last lines may take to be read.
PATIENCE = 1.0


def level_of(spec: Logging) -> int:
    if spec.quiet:
        return logging.ERROR
    return _LEVELS[min(spec.verbose, len(_LEVELS) - 1)]


class JsonLines(logging.Formatter):
    """One object a line: time (seconds since 1970), level, message."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return escaped_json(json.dumps(told, ensure_ascii=False))


class TextLines(logging.Formatter):
    """`2026-11-27T12:00:00.123Z warning: message`."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{self.clock(record)}{record.levelname.lower()}: {escaped(record.getMessage())}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line

    def clock(self, record: logging.LogRecord) -> str:
        return f"{moment(record.created)} "


class TerminalLines(TextLines):
    """`12:00:00.123 warning: message`, in the zone of the terminal."""

    def clock(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        return f"{clock}.{int(record.msecs):03d} "


class JournalLines(TextLines):
    """`<4>warning: message`."""

    def format(self, record: logging.LogRecord) -> str:
        return journal.marked(super().format(record), _PRIORITIES.get(record.levelno, 6))

    def clock(self, record: logging.LogRecord) -> str:
        return ""


def _formatter(spec: Logging, stream: Stream | None) -> logging.Formatter:
    if spec.log_format == "json":
        return JsonLines()
    if journal.reads(stream):
        return JournalLines()
    return TerminalLines() if is_terminal(stream) else TextLines()


class StderrHandler(logging.Handler):
    """Lines to stderr, waiting for nobody who reads them; above a live view while there is one."""

    def __init__(self, stream: Stream | None) -> None:
        super().__init__()
        self.above: Callable[[str], bool] | None = None
        self._sink = TextSink(stream)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            (self.above or self._sink.write)(f"{self.format(record)}\n")
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        self._sink.close(PATIENCE)
        super().close()


def route(above: Callable[[str], bool] | None) -> None:
    """Send the lines of the log to `above`, or with None to stderr again."""
    for handler in logging.getLogger("zmqdev").handlers:
        if isinstance(handler, StderrHandler):
            handler.above = above


@contextmanager
def logging_to_stderr(spec: Logging) -> Iterator[logging.Handler]:
    """While this is open, the `zmqdev` logger writes to stderr."""
    logger = logging.getLogger("zmqdev")
    handler = StderrHandler(sys.stderr)
    handler.setFormatter(_formatter(spec, sys.stderr))
    before = logger.level
    logger.setLevel(level_of(spec))
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        handler.close()
        logger.setLevel(before)


def tell_settings(settings: Callable[[], Mapping[str, Any]]) -> None:
    """At -vv: the settings as they came out, as a file has them, a line for each part of it."""
    if not log.isEnabledFor(SETTINGS):
        return
    for section, values in _sections(settings()):
        words = ", ".join(f"{name} {_word(value)}" for name, value in values.items())
        log.log(SETTINGS, "%s: %s", section, words)


def _sections(settings: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "all", {name: v for name, v in settings.items() if not isinstance(v, Mapping)}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield name, value


def _word(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
