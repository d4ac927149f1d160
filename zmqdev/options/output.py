"""Which messages are printed, and how; or written to files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from zmqdev.errors import UsageError
from zmqdev.options.layer import Written
from zmqdev.options.option import option
from zmqdev.options.types import Text


@dataclass(frozen=True)
class Regex(Text):
    """A regular expression of Python, for bytes; kept as text."""

    metavar: str = "REGEX"
    any_bytes: bool = True

    def parse(self, raw: object, *, text: bool) -> str:
        found = super().parse(raw, text=text)
        try:
            re.compile(found.encode(errors="surrogateescape"))
        except re.error as error:
            raise ValueError(f"{found!r} is not a regular expression: {error}") from None
        return found


@dataclass(frozen=True)
class Printing:
    """Options of all that print messages."""

    output_format: str | None = option(
        Text(metavar="TEMPLATE", any_bytes=True),
        help=r"How a message is printed, like '%t %p\n': %t topic, %p payload, %{2} second frame, "
        "%l size, %x hex, %j JSON, @H:@M:@S time; see `zmqdev help endpoints`.",
        group="Form",
    )


@dataclass(frozen=True)
class Choosing(Printing):
    """Options of receivers."""

    match: str | None = option(
        Regex(),
        help="Take only messages in which this is found; the others are not printed, and do not "
        "count for -n.",
        group="Form",
    )
    until_match: str | None = option(
        Regex(), help="End after the first message in which this is found.", group="Life"
    )
    dump: str | None = option(
        Text(metavar="DIR", any_bytes=True),
        help="Write each message to a file in this directory, instead of printing it.",
        group="Form",
    )
    dump_name: str = option(
        Text(metavar="TEMPLATE", any_bytes=True),
        default="{n}",
        help="Name of each file; may hold {n}, {time}, {topic}.",
        group="Form",
    )


def check(spec: Any, written: Written) -> None:
    """Refuse what contradicts itself."""
    if isinstance(spec, Printing) and spec.output_format is not None and spec.format != "text":  # type: ignore[attr-defined]
        raise UsageError(
            "output-format and format both say how a message is printed; leave one out",
            written.place("output-format", "format"),
        )
    if not isinstance(spec, Choosing):
        return
    if getattr(spec, "report_topics", False):
        _check_report(spec, written)
    if spec.dump_name != Choosing.dump_name and spec.dump is None:
        raise UsageError("dump-name needs --dump DIR", written.place("dump-name"))
    if spec.dump is not None and spec.output_format is not None:
        raise UsageError(
            "dump and output-format cannot be given together", written.place("output-format")
        )
    others = [name for name in ("match", "until_match", "dump") if getattr(spec, name) is not None]
    for name in others:
        if spec.exec is not None or spec.check or spec.expect is not None:  # type: ignore[attr-defined]
            key = name.replace("_", "-")
            raise UsageError(
                f"{key} cannot be given with --exec, --check or --expect", written.place(key)
            )


def _check_report(spec: Any, written: Written) -> None:
    """A report is all that is printed."""
    others = ("exec", "check", "expect", "match", "until_match", "dump", "output_format")
    for name in others:
        if getattr(spec, name):
            key = name.replace("_", "-")
            raise UsageError(
                f"report-topics counts messages and prints none; leave out {key}",
                written.place("report-topics"),
            )
    if spec.format not in ("text", "json"):
        raise UsageError(
            "report-topics writes a table; --format json gives a line of JSON a topic",
            written.place("format"),
        )
