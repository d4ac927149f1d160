"""The common form of commands with settings: defaults, file, environment, flags, then one call."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import click

from zmqdev.cli.completion import files
from zmqdev.cli.options import HeadedCommand, declared, given
from zmqdev.cli.words import Understood
from zmqdev.options.layer import Layer, Written, build, environment_layer, flag_layer

T = TypeVar("T")


@dataclass(frozen=True)
class Subject(Generic[T]):
    """A device or endpoint command.

    `resolve` fills in defaults and checks, `printed` returns the settings as a file has
    them, and `act` runs it and returns the exit status. The second argument of `act`
    reads the settings again; None without a file. `understand` turns words without a
    flag into flags.
    """

    category: str  # device or endpoint: the key in a file
    kind: str
    help: str
    spec: type[T]
    resolve: Callable[[T, Written], T]
    printed: Callable[[T], dict[str, Any]]
    act: Callable[[T, Callable[[], T] | None], int]
    understand: Callable[[tuple[str, ...]], Understood]
    words: str  # the usage line of words without a flag
    epilog: str = ""


def make(subject: Subject[Any]) -> click.Command:
    """Declare the click command of a subject."""

    def callback(**parameters: Any) -> int:
        understood = subject.understand(parameters.pop("words"))
        config = parameters.pop("config") or understood.config
        print_config = parameters.pop("print_config")
        flags = understood.over(given(subject.spec, parameters))
        spec = asked(subject, config, flags)
        if print_config:
            _print(subject.printed(spec))
            return 0
        return subject.act(spec, partial(asked, subject, config, flags) if config else None)

    return HeadedCommand(
        subject.kind,
        params=[
            click.Argument(["words"], nargs=-1, metavar=subject.words, shell_complete=files),
            *declared(subject.spec),
            *_file_options(subject),
        ],
        callback=callback,
        help=subject.help,
        epilog=subject.epilog,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _file_options(subject: Subject[Any]) -> list[click.Parameter]:
    variable = f"ZMQDEV_{subject.kind}_CONFIG".upper()
    config = click.Option(
        ["--config"],
        metavar="FILE",
        envvar=variable,
        help="Read the settings from a YAML file.",
        shell_complete=files,
    )
    shown = click.Option(
        ["--print-config"], is_flag=True, help="Print the settings as a file and do nothing."
    )
    return [config, shown]


def asked(subject: Subject[T], config: str | None, flags: dict[Any, Any]) -> T:
    """Return the resolved settings from defaults, file, environment and flags, in this order."""
    layers: list[Layer] = []
    if config is not None:
        from zmqdev.cli.files import (
            layer_for,
        )  # imports the tables of all kinds

        layers.append(layer_for(config, subject.category, subject.kind))
    layers.append(environment_layer(subject.spec, subject.kind, os.environ))
    layers.append(flag_layer(subject.spec, flags))
    spec, written = build(subject.spec, layers)
    return subject.resolve(spec, written)


def _print(settings: dict[str, Any]) -> None:
    import yaml

    from zmqdev.options.variables import escape

    # Variables are expanded when the printed settings are read again, so escape `$`.
    settings = escape(settings)
    click.echo(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), nl=False)
