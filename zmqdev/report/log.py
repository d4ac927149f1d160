"""One logger, to stderr: levels by -q and -v, lines as text or JSON."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from zmqdev.spec.common import Logging

# -v says who comes and goes, -vv what is set, -vvv everything.
SETTINGS = 15
logging.addLevelName(SETTINGS, "SETTINGS")
_LEVELS = (logging.WARNING, logging.INFO, SETTINGS, logging.DEBUG)


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
        return json.dumps(told, ensure_ascii=False)


class TextLines(logging.Formatter):
    """`12:00:00.123 warning: message`."""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        line = f"{clock}.{record.msecs:03.0f} {record.levelname.lower()}: {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


@contextmanager
def logging_to_stderr(spec: Logging) -> Iterator[logging.Handler]:
    """While this is open, the `zmqdev` logger writes to stderr."""
    logger = logging.getLogger("zmqdev")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if spec.log_format == "json" else TextLines())
    before = logger.level
    logger.setLevel(level_of(spec))
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
