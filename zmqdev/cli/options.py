"""Click options made from declared options.

Every value stays text until the settings parse it, so a flag, an environment variable
and a YAML key get the same checks and the same messages.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem

from zmqdev.cli.completion import files
from zmqdev.options.measures import Duration, Size, Speed
from zmqdev.options.option import Leaf, Path, leaves
from zmqdev.options.places import FileName
from zmqdev.options.quantity import format_duration, format_size
from zmqdev.options.types import Choice, Count, Flag, IntegerOrAlone

# Headings that come first and last in `--help`; others are in between.
FIRST = ("Sides", "Socket", "Input", "Requests", "Work", "Form")
LAST = ("Life", "Statistics", "Messages", "Security", "General")


def heading_order(group: str) -> tuple[int, int]:
    """Return the sort key of a heading in `--help`."""
    for at, groups in ((0, FIRST), (2, LAST)):
        if group in groups:
            return at, groups.index(group)
    return 1, 0


class HeadedCommand(click.Command):
    """A command that lists its options under headings, in the order of declaration."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            # Arguments are in the usage line, and the help text describes them.
            if record is not None and isinstance(parameter, click.Option):
                groups.setdefault(getattr(parameter, "group", "General"), []).append(record)
        for group, records in sorted(groups.items(), key=lambda item: heading_order(item[0])):
            with formatter.section(group):
                formatter.write_dl(records)


class DeclaredOption(click.Option):
    """A click option that remembers its leaf and its heading."""

    def __init__(self, leaf: Leaf) -> None:
        type_ = leaf.option.type
        names = [leaf.flag, *([f"-{leaf.option.short}"] if leaf.option.short else [])]
        kind: dict[str, Any] = {"type": click.UNPROCESSED, "metavar": _metavar(leaf)}
        if isinstance(type_, Flag):
            kind = {"is_flag": True}
        elif isinstance(type_, Count):
            kind = {"count": True}
        elif isinstance(type_, IntegerOrAlone | Speed):
            kind |= {"is_flag": False, "flag_value": str(type_.alone)}
        elif type_.many:
            kind["multiple"] = True
        super().__init__([parameter_name(leaf), *names], help=_help(leaf), default=None, **kind)
        self.leaf = leaf
        self.group = leaf.option.group

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the words of a choice, or file names."""
        type_ = self.leaf.option.type
        type_ = getattr(type_, "item", type_)
        if isinstance(type_, Choice):
            return [CompletionItem(word) for word in type_.choices if word.startswith(incomplete)]
        if isinstance(type_, FileName) or type_.metavar == "FILE":
            return [CompletionItem(incomplete, type="file")]
        return []


def parameter_name(leaf: Leaf) -> str:
    """Return the name of click's parameter for an option."""
    return "__".join(leaf.path).replace("-", "_")


def _metavar(leaf: Leaf) -> str:
    type_ = leaf.option.type
    if isinstance(type_, Choice):
        return type_.metavar or "|".join(type_.choices)
    return type_.metavar


def _help(leaf: Leaf) -> str:
    shown = show_default(leaf)
    return leaf.option.help + (f" [{shown}]" if shown else "")


def show_default(leaf: Leaf) -> str:
    """Return the default as a user would write it; empty when the help text states it."""
    if leaf.default in (None, (), False, "") or isinstance(leaf.option.type, Count):
        return ""
    if isinstance(leaf.option.type, Duration):
        return format_duration(leaf.default)
    if isinstance(leaf.option.type, Size):
        return format_size(leaf.default)
    return str(leaf.default)


ALONE = "zmqdev.yaml"
"""The file that is used when none is named."""


def file_argument() -> click.Argument:
    """Declare FILE for a command that works on a whole file; the default is `zmqdev.yaml`."""
    return click.Argument(
        ["file"], metavar="[FILE]", required=False, callback=_file, shell_complete=files
    )


def _file(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    return file_of(context, value)


def file_of(context: click.Context, value: str | None) -> str:
    """Return the file to use.

    Raises UsageError when none is named and ALONE is missing.
    """
    if value is None and not os.path.exists(ALONE):
        raise click.UsageError(f"name a file; there is no {ALONE} in this directory", context)
    return value or ALONE


def declared(spec: type) -> list[click.Parameter]:
    """Return a click option for every declared option that has a flag."""
    return [DeclaredOption(leaf) for leaf in leaves(spec) if leaf.flag]


def given(spec: type, parameters: Mapping[str, Any]) -> dict[Path, Any]:
    """Return what was typed: {path: text, list of texts, or True}, without what was left out."""
    values: dict[Path, Any] = {}
    for leaf in leaves(spec):
        value = parameters.get(parameter_name(leaf)) if leaf.flag else None
        if isinstance(leaf.option.type, Flag | Count):
            if value:
                values[leaf.path] = value if isinstance(leaf.option.type, Flag) else str(value)
        elif value not in (None, ()):
            values[leaf.path] = list(value) if leaf.option.type.many else value
    return values
