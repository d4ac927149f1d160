"""A tool as a command: its options come from environment and flags, then one call is made."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from zmqdev.cli.options import HeadedCommand, declared, given
from zmqdev.options.layer import build, environment_layer, flag_layer

T = TypeVar("T")


def tool(
    name: str,
    options: type[T],
    act: Callable[..., int],
    *,
    help: str,
    arguments: Sequence[click.Argument] = (),
    epilog: str = "",
) -> click.Command:
    """Declare the command `name`; `act(options, **arguments)` returns the exit status."""

    def callback(**parameters: Any) -> int:
        words = {str(one.name): parameters.pop(str(one.name)) for one in arguments}
        return act(resolved(name, options, parameters), **words)

    return HeadedCommand(
        name,
        params=[*arguments, *declared(options)],
        callback=callback,
        help=help,
        epilog=epilog,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def resolved(name: str, options: type[T], parameters: dict[str, Any]) -> T:
    """Return the options from defaults, environment and flags.

    UsageError names the variable or flag.
    """
    flags = flag_layer(options, given(options, parameters))
    made, _ = build(options, [environment_layer(options, name, os.environ), flags])
    return made
