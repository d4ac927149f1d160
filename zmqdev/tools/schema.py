"""The command `schema`: print the JSON Schema of a file, for editors and validators."""

from __future__ import annotations

import json

import click


def command(name: str) -> click.Command:
    """Declare the command."""
    return click.Command(
        name,
        callback=_schema,
        help="Print the JSON Schema of a file.\n\nEditors complete and check a file by it. The "
        "first line of a file names it: `# yaml-language-server: $schema=PATH`.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _schema() -> int:
    from zmqdev.options.schema import schema

    click.echo(json.dumps(schema(), indent=1, ensure_ascii=False))
    return 0
