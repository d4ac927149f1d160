"""The log on stderr: levels by -q and -v, lines as text or JSON.

On a terminal a line has the time of day. Elsewhere it has date and time in UTC, as
statistics have, since it may be read in another zone. Lines for the journal of systemd
have a priority instead of a time.
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
# -v logs peers that come and go, -vv also the settings, -vvv everything.
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
# Seconds that the reader has for the last lines.
PATIENCE = 1.0


def level_of(spec: Logging) -> int:
    """Return the log level that -q and -v ask for."""
    if spec.quiet:
        return logging.ERROR
    return _LEVELS[min(spec.verbose, len(_LEVELS) - 1)]


class JsonLines(logging.Formatter):
    """Formats a record as JSON: time (seconds since 1970), level, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line of JSON."""
        told: dict[str, Any] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return escaped_json(json.dumps(told, ensure_ascii=False))


class TextLines(logging.Formatter):
    """Formats a record as `2026-11-27T12:00:00.123Z warning: message`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line, with a traceback if it has one."""
        line = f"{self.clock(record)}{record.levelname.lower()}: {escaped(record.getMessage())}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line

    def clock(self, record: logging.LogRecord) -> str:
        """Return what precedes the level."""
        return f"{moment(record.created)} "


class TerminalLines(TextLines):
    """Formats a record as `12:00:00.123 warning: message`, in the local time zone."""

    def clock(self, record: logging.LogRecord) -> str:
        """Return the local time of day."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        return f"{clock}.{int(record.msecs):03d} "


class JournalLines(TextLines):
    """Formats a record as `<4>warning: message`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line with its priority for the journal."""
        return journal.marked(super().format(record), _PRIORITIES.get(record.levelno, 6))

    def clock(self, record: logging.LogRecord) -> str:
        """Return nothing: the journal records the time."""
        return ""


def _formatter(spec: Logging, stream: Stream | None) -> logging.Formatter:
    if spec.log_format == "json":
        return JsonLines()
    if journal.reads(stream):
        return JournalLines()
    return TerminalLines() if is_terminal(stream) else TextLines()


class StderrHandler(logging.Handler):
    """Writes lines to stderr without waiting for the reader; above a live view while
    there is one."""

    def __init__(self, stream: Stream | None) -> None:
        super().__init__()
        self.above: Callable[[str], bool] | None = None
        self._sink = TextSink(stream)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            (self.above or self._sink.write)(f"{self.format(record)}\n")
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Write what is left, for a moment."""
        self._sink.close(PATIENCE)
        super().close()


def route(above: Callable[[str], bool] | None) -> None:
    """Send the lines of the log to `above`; None sends them to stderr again."""
    for handler in logging.getLogger("zmqdev").handlers:
        if isinstance(handler, StderrHandler):
            handler.above = above


@contextmanager
def logging_to_stderr(spec: Logging) -> Iterator[logging.Handler]:
    """Let the `zmqdev` logger write to stderr while the context lasts."""
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
    """At -vv, log the resolved settings, a line for each section of the file."""
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
