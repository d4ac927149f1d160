"""What a device and an endpoint do alike when they begin as a program."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from zmqdev.report.log import tell_settings
from zmqdev.system import crash

log = logging.getLogger("zmqdev")


def begin(
    name: str | None, warnings: Iterable[str], settings: Callable[[], Mapping[str, Any]]
) -> crash.Life:
    """Say what deserves a line at the start; the life that begins, after a crash maybe."""
    for line in warnings:
        log.warning("%s", line)
    tell_settings(settings)
    life = crash.begin()
    if life.restarts:
        log.warning("%s: %s", name, life.words())
    return life
