"""The command `completion`: print a shell's completion script, and answer it at each Tab.

click writes the scripts and reads the shell's question from the environment. This
module adds the words that can follow: running devices, verbs, topics, files, values of
options.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

import click
from click.shell_completion import CompletionItem, get_completion_class, shell_complete

from zmqdev.errors import EXIT_OK

SHELLS = ("bash", "zsh", "fish")
ASKED = "_ZMQDEV_COMPLETE"
"""The variable in which the shell's script asks, with a value like `bash_complete`."""

HELP = """Print the completion script of a shell.

\b
bash   zmqdev completion bash > ~/.local/share/bash-completion/completions/zmqdev
zsh    zmqdev completion zsh > a directory of $fpath, as _zmqdev
fish   zmqdev completion fish > ~/.config/fish/completions/zmqdev.fish

For this shell alone: source <(zmqdev completion bash).
"""


def command(name: str) -> click.Command:
    """Declare the command."""
    return click.Command(
        name,
        params=[click.Argument(["shell"], type=click.Choice(SHELLS))],
        callback=_print,
        help=HELP,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _print(shell: str) -> int:
    from zmqdev.cli.program import program

    made = get_completion_class(shell)
    assert made is not None, f"click knows no {shell}"
    click.echo(made(program, {}, "zmqdev", ASKED).source())
    return EXIT_OK


def answer(program: click.Command) -> int | None:
    """Answer a shell that asks for completions and return the exit status; None when none asks."""
    instruction = os.environ.get(ASKED)
    return None if not instruction else shell_complete(program, {}, "zmqdev", ASKED, instruction)


Offer = Callable[[click.Context, click.Parameter, str], Sequence[CompletionItem]]


def _fitting(words: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(word, help=help) for word, help in words if word.startswith(incomplete)]


def files(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Leave it to the shell to complete file names."""
    return [CompletionItem(incomplete, type="file")]


def devices(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the running devices of this user."""
    from zmqdev.control.runtimedir import running

    return _fitting(((found.name, found.address) for found in running()), incomplete)


def verbs(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the verbs of a device and of a running file."""
    from zmqdev.control.verbs import VERBS
    from zmqdev.supervisor.verbs import VERBS as PARTS

    both = {**PARTS, **VERBS}
    return _fitting(((name, verb.help) for name, verb in both.items()), incomplete)


def topics(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the topics of the manual, and the commands."""
    from zmqdev.cli.program import ROWS
    from zmqdev.cli.topics import TOPICS

    both = {name: topic.help for name, topic in TOPICS.items()}
    both |= {name: row.help for name, row in ROWS.items() if name not in both}
    return _fitting(both.items(), incomplete)
