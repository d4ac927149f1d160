"""The counters of a spool, by name, for status, lines and metrics."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SpoolRow:
    """A number of a spool. With `grows` it counts from the start; others are of this moment."""

    name: str
    unit: str
    help: str
    grows: bool = False


SPOOL = (
    SpoolRow("spooled", "messages", "read and committed to the spool", grows=True),
    SpoolRow("commits", "groups", "written to the spool", grows=True),
    SpoolRow(
        "damaged", "rows", "of the spool that could not be read and were left out", grows=True
    ),
    SpoolRow("waiting", "messages", "read and not passed on yet"),
    SpoolRow("spool_bytes", "bytes", "of the spool's file"),
    SpoolRow("spool_full", "", "1 while the spool takes nothing more"),
)
