"""Options of printing: a choice of messages, their format, or files."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zmqdev.options.option import option
from zmqdev.options.types import Text


@dataclass(frozen=True)
class Regex(Text):
    """A regular expression of Python for bytes, kept as text."""

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
    """Options of all endpoints that print messages."""

    output_format: str | None = option(
        Text(metavar="TEMPLATE", any_bytes=True),
        help=r"How a message is printed, like '%t %p\n': %t topic, %p payload, %{2} second frame, "
        "%l size, %x hex, %j JSON, @H:@M:@S time; see `zmqdev help endpoints`.",
        group="Form",
    )


@dataclass(frozen=True)
class Choosing(Printing):
    """Options of receivers that select messages."""

    match: str | None = option(
        Regex(),
        help="Take only messages that match this regular expression; the others are not printed, "
        "and do not count for -n.",
        group="Form",
    )
    until_match: str | None = option(
        Regex(),
        help="End after the first message that matches this regular expression.",
        group="Life",
    )
    dump: str | None = option(
        Text(metavar="DIR", any_bytes=True),
        help="Write each message to a file in this directory, instead of printing it.",
        group="Form",
    )
    dump_name: str = option(
        Text(metavar="TEMPLATE", any_bytes=True),
        default="{n}",
        help="Name of each file; may contain {n}, {time}, {topic}.",
        group="Form",
    )
