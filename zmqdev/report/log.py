"""One logger, to stderr: levels by -q and -v, lines as text or JSON."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from zmqdev.options.common import Logging
from zmqdev.system.printable import escaped, escaped_json
from zmqdev.system.stdio import Outlet, Stream

log = logging.getLogger("zmqdev")
# -v says who comes and goes, -vv what is set, -vvv everything.
SETTINGS = 15
logging.addLevelName(SETTINGS, "SETTINGS")
_LEVELS = (logging.WARNING, logging.INFO, SETTINGS, logging.DEBUG)


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
    """`12:00:00.123 warning: message`."""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        message = escaped(record.getMessage())
        line = f"{clock}.{int(record.msecs):03d} {record.levelname.lower()}: {message}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class StderrHandler(logging.Handler):
    """Lines to stderr, waiting for nobody who reads them; above a live view while there is one."""

    def __init__(self, stream: Stream | None) -> None:
        super().__init__()
        self.above: Callable[[str], bool] | None = None
        self._outlet = Outlet(stream)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            (self.above or self._outlet.write)(f"{self.format(record)}\n")
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        self._outlet.close(PATIENCE)
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
    handler.setFormatter(JsonLines() if spec.log_format == "json" else TextLines())
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
