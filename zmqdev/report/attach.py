"""Which display a device gets, as an attachment of its service."""

from __future__ import annotations

import sys

from zmqdev.device.service import Attachment
from zmqdev.report.lines import StatsLines
from zmqdev.spec.common import Stats


def mode_of(stats: Stats) -> str:
    """The mode asked for; live on a terminal and lines elsewhere when none was."""
    return stats.mode or ("live" if sys.stderr.isatty() else "line")


def display(stats: Stats) -> Attachment | None:
    mode = mode_of(stats)
    if mode == "off":
        return None
    return StatsLines(stats.interval, as_json=mode == "json", out=sys.stdout)
