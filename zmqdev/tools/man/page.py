"""A command as a manual page: the declarations of its options in roff, man(7).

The same input gives the same bytes: a page has no date, so that builds are
reproducible.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

import zmqdev
from zmqdev.cli.options import DeclaredOption, heading_order
from zmqdev.cli.program import ROWS, CommandRow, program
from zmqdev.cli.topics import TOPICS

STATUS = (
    ("0", "Ended as asked. Ctrl-C and SIGTERM are that for what runs until it is stopped."),
    ("1", "Failed while running, or could not start."),
    ("2", "Wrong usage or configuration."),
    ("3", "An expectation was not met."),
)


def pages() -> dict[str, str]:
    """Return {file name: text} for zmqdev.1 and every zmqdev-COMMAND.1."""
    return {
        "zmqdev.1": overview(),
        **{f"zmqdev-{row.name}.1": page(row) for row in ROWS.values()},
    }


def write(directory: Path) -> list[Path]:
    """Write all pages to a directory, which is made if needed; return their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (directory / name).write_text(text, encoding="utf-8")
    return [directory / name for name in pages()]


def overview() -> str:
    """Return zmqdev.1, which lists the commands."""
    lines = [_head("zmqdev", "the ZeroMQ device launcher")]
    lines += [".SH SYNOPSIS", _bold("zmqdev"), "COMMAND [OPTIONS]", ".SH DESCRIPTION"]
    lines += _paragraphs(program.help or "")
    lines.append(".SH COMMANDS")
    for group in dict.fromkeys(row.group for row in ROWS.values()):
        lines.append(f".SS {group}")
        for row in ROWS.values():
            if row.group == group:
                lines += [".TP", f"\\fBzmqdev\\-{_roff(row.name)}\\fR(1)", _roff(row.help)]
    lines.append(".SH TOPICS")
    lines += _paragraphs("`zmqdev help TOPIC` shows one of these:")
    for topic in TOPICS.values():
        lines += [".TP", _bold(topic.name), _roff(topic.help)]
    return "\n".join([*lines, *_status(), ""])


def page(row: CommandRow) -> str:
    """Return zmqdev-COMMAND.1."""
    command = row.load()
    context = click.Context(command, info_name=row.name, **command.context_settings)
    lines = [_head(f"zmqdev-{row.name}", row.help), ".SH SYNOPSIS", _bold(f"zmqdev {row.name}")]
    lines += [_roff(" ".join(command.collect_usage_pieces(context))), ".SH DESCRIPTION"]
    lines += _paragraphs(command.help or "")
    lines += [".SH OPTIONS", *_options(command, context), *_environment(row, command)]
    text, _, topics = (command.epilog or "").rpartition("\n\n")
    if text:
        lines += [".SH VERBS", *_paragraphs(text)]
    lines += [*_status(), ".SH SEE ALSO", "\\fBzmqdev\\fR(1)", ".PP", _roff(topics)]
    return "\n".join([*lines, ""])


def _head(name: str, purpose: str) -> str:
    title = _roff(name).upper()
    version = f"zmqdev {zmqdev.__version__}"
    return "\n".join(
        (
            f'.TH "{title}" 1 "" "{version}" "zmqdev"',
            ".nh\n.ad l",  # no hyphenation inside flags, and no stretched blanks
            f".SH NAME\n{_roff(name)} \\- {_roff(purpose)}",
        )
    )


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and isinstance(parameter, click.Option):
            groups.setdefault(getattr(parameter, "group", "General"), []).append(record)
    for group, records in sorted(groups.items(), key=lambda item: heading_order(item[0])):
        if len(groups) > 1:
            yield f".SS {_roff(group)}"
        for names, text in records:
            yield from (".TP", _bold(names), _roff(text))


def _environment(row: CommandRow, command: click.Command) -> list[str]:
    declared = [one for one in command.params if isinstance(one, DeclaredOption)]
    if not declared:
        return []
    leaf = declared[0].leaf
    text = (
        f"Each option can be set by a variable with its name, like {leaf.variable(row.name)} for "
        f"{leaf.flag}; several values are separated by blanks. A flag goes before it."
    )
    return [".SH ENVIRONMENT", _roff(text)]


def _status() -> list[str]:
    lines = [".SH EXIT STATUS"]
    for number, meaning in STATUS:
        lines += [".TP", _bold(number), _roff(meaning)]
    return lines


def _paragraphs(text: str) -> list[str]:
    """Convert paragraphs of click; a leading backspace means that lines must not be joined."""
    lines = []
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        kept = paragraph.startswith("\b\n")
        body = [_roff(line) for line in paragraph.removeprefix("\b\n").splitlines()]
        lines += [".PP", *([".nf", *body, ".fi"] if kept else map(str.strip, body))]
    return lines[1:]


def _bold(text: str) -> str:
    return f"\\fB{_roff(text)}\\fR"


def _roff(text: str) -> str:
    """Escape text for roff: hyphens that can be copied, no line that looks like a request.

    Lines may break between choices.
    """
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("|", "|\\:")
    return f"\\&{text}" if text.startswith((".", "'")) else text
