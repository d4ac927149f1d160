"""The program: its table of commands, and how errors become a line and an exit status.

Commands are imported when they are called. So `zmqdev --help` and `zmqdev --version`
import neither zmq nor rich and take hardly longer than importing click.
"""

from __future__ import annotations

import importlib
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import click

import zmqdev
from zmqdev.cli import FIRST_PROCESS
from zmqdev.cli.habits import ALIASES, POINTERS
from zmqdev.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, ZmqdevError
from zmqdev.system.stdio import CannotWrite, give_up

# Least and greatest width of help texts, in columns.
NARROWEST, WIDEST = 50, 80


class CommandRow(NamedTuple):
    """A command: its name, heading, purpose, and the `module:function` that declares it."""

    name: str
    group: str
    help: str
    made_by: str

    def load(self) -> click.Command:
        """Import and declare the command."""
        from zmqdev.cli.topics import see_also

        module, _, function = self.made_by.partition(":")
        made = getattr(importlib.import_module(f"zmqdev.{module}"), function)(self.name)
        assert isinstance(made, click.Command)
        made.epilog = "\n\n".join(filter(None, (made.epilog, see_also(self.name))))
        return made


ROWS = {
    row.name: row
    for row in (
        CommandRow(
            "forwarder", "Devices", "pass what publishers send to subscribers", "cli.device:command"
        ),
        CommandRow(
            "streamer", "Devices", "share the work of pushers among pullers", "cli.device:command"
        ),
        CommandRow(
            "queue", "Devices", "share requests among workers, route replies", "cli.device:command"
        ),
        CommandRow("pub", "Endpoints", "publish lines, text or ticks", "cli.endpoint:command"),
        CommandRow("sub", "Endpoints", "subscribe, and print what comes", "cli.endpoint:command"),
        CommandRow(
            "push", "Endpoints", "send work, each message to one puller", "cli.endpoint:command"
        ),
        CommandRow("pull", "Endpoints", "take work, and print it", "cli.endpoint:command"),
        CommandRow(
            "client", "Endpoints", "send requests, and print the replies", "cli.endpoint:command"
        ),
        CommandRow("worker", "Endpoints", "answer requests", "cli.endpoint:command"),
        CommandRow("req", "Endpoints", "ask in turn, and print each reply", "cli.endpoint:command"),
        CommandRow(
            "rep", "Endpoints", "print requests, answer each in turn", "cli.endpoint:command"
        ),
        CommandRow("dealer", "Endpoints", "send and print at any time", "cli.endpoint:command"),
        CommandRow(
            "router", "Endpoints", "send to a peer by name, and print", "cli.endpoint:command"
        ),
        CommandRow("pair", "Endpoints", "talk to one peer: a chat", "cli.endpoint:command"),
        CommandRow("run", "Files", "start everything in a file", "cli.run:command"),
        CommandRow("check", "Files", "find what is wrong with a file", "tools.check:command"),
        CommandRow("graph", "Files", "draw what a file describes", "tools.graph.command:command"),
        CommandRow(
            "route", "Files", "show where routes send messages", "tools.route.command:command"
        ),
        CommandRow("schema", "Files", "print the JSON Schema of a file", "tools.schema:command"),
        CommandRow(
            "export",
            "Files",
            "write a file for systemd, compose or kubernetes",
            "tools.export.command:command",
        ),
        CommandRow(
            "ctl", "Running", "query or control a running device", "tools.ctl.command:command"
        ),
        CommandRow(
            "top", "Running", "watch all running devices in one table", "tools.top.command:command"
        ),
        CommandRow(
            "tap", "Running", "see the messages that pass through", "tools.tap.command:command"
        ),
        CommandRow(
            "probe", "Running", "say what listens at an address", "tools.probe.command:command"
        ),
        CommandRow(
            "store",
            "Running",
            "see what a reliable queue keeps on disk",
            "tools.store.command:command",
        ),
        CommandRow(
            "bench", "Tools", "measure what a device passes on", "tools.bench.command:command"
        ),
        CommandRow(
            "keygen", "Tools", "make CURVE keys and password lines", "tools.keygen.command:command"
        ),
        CommandRow("doctor", "Tools", "check this installation", "tools.doctor.command:command"),
        CommandRow(
            "completion", "Tools", "print a shell's completion script", "cli.completion:command"
        ),
        CommandRow("help", "Tools", "read the manual, topic by topic", "cli.help:command"),
    )
}

_BYTE = r"\\udc([89a-f][0-9a-f])"


class Program(click.Group):
    """A group whose commands are the rows, listed under their headings."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all command names."""
        return list(ROWS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Load a command; None when there is none of that name."""
        return ROWS[name].load() if name in ROWS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve the command's name; an unknown one gets a hint."""
        if args and args[0] not in ROWS and not args[0].startswith("-"):
            fix = POINTERS.get(args[0])
            hint = f"; {fix}" if fix else _near(args[0], [*ROWS, *ALIASES])
            raise click.UsageError(f"no command {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under their headings."""
        for group in dict.fromkeys(row.group for row in ROWS.values()):
            with formatter.section(group):
                rows = [(row.name, row.help) for row in ROWS.values() if row.group == group]
                formatter.write_dl(rows)


def version() -> str:
    """Return the version and which relay is installed, without importing it."""
    relay = os.path.join(os.path.dirname(zmqdev.__file__), "relay")
    built = any(re.fullmatch(r"_native\..*so", name) for name in os.listdir(relay))
    forced = os.environ.get("ZMQDEV_RELAY")
    half = "native relay" if built else "Python relay: the C half was not built"
    if built and forced == "python":
        half = "Python relay: ZMQDEV_RELAY=python"
    return f"zmqdev {zmqdev.__version__} ({half})"


def _show_version(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        click.echo(version())
        context.exit()


def _width() -> int:
    """Return the width of help texts as click computes it.

    It does not use `shutil`, whose import takes a twentieth of the time of `--help`.
    """
    try:
        columns = int(os.environ.get("COLUMNS", 0)) or os.get_terminal_size(1).columns
    except (ValueError, OSError):
        columns = WIDEST
    return max(min(columns, WIDEST) - 2, NARROWEST)


@click.command(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "terminal_width": _width()},
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and exit.",
)
def program() -> None:
    """The ZeroMQ device launcher.

    Every command works with no flags: start `zmqdev pub`, `zmqdev forwarder` and
    `zmqdev sub` in three terminals, and ticks flow. `zmqdev help` is the manual.
    """


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit status; a user's mistake becomes one line."""
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> object:
    # Here, inside `guarded`: a signal is never an exception that nothing handles.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.getpid() == FIRST_PROCESS:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    if any("postgres" in word for word in arguments):
        from zmqdev.cli.passwords import cover

        cover(arguments)
    if "_ZMQDEV_COMPLETE" in os.environ:
        from zmqdev.cli.completion import answer

        asked = answer(program)
        if asked is not None:
            return asked
    return _invoke(arguments)


def _invoke(arguments: Sequence[str]) -> object:
    # click's `main` is not used: it writes an empty line at Ctrl-C.
    with program.make_context("zmqdev", _known(arguments)) as context:
        return program.invoke(context)


def guarded(act: Callable[[], object]) -> int:
    """Call `act` and return the exit status; an error becomes a line on stderr."""
    try:
        result = act()
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.ctx.get_help() if error.ctx else "", file=sys.stderr)
        return EXIT_USAGE
    except click.ClickException as error:
        return _say(_line(error), EXIT_USAGE)
    except CannotWrite as error:
        give_up()
        return _say(str(error), error.exit_status)
    except ZmqdevError as error:
        return _say(str(error), error.exit_status)
    except (KeyboardInterrupt, click.Abort):
        return EXIT_OK
    except RuntimeError as error:
        # Before 3.12 Python wraps exceptions raised while a class is made, Ctrl-C too.
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        return EXIT_OK
    except BrokenPipeError:
        give_up()
        return EXIT_FAILED
    return result if isinstance(result, int) else EXIT_OK


def _known(arguments: Sequence[str]) -> list[str]:
    """Replace a command name of another tool by the one here."""
    words = list(arguments)
    if words and words[0] not in ROWS:
        words[:1] = ALIASES.get(words[0], words[:1])
    return words


def _say(line: str, status: int) -> int:
    print("zmqdev:", _legible(line), file=sys.stderr)
    return status


def _legible(line: str) -> str:
    r"""Show bytes that are not UTF-8 as \xff, also where `repr` has escaped them."""
    whole = line.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return re.sub(_BYTE, r"\\x\1", whole)


def _line(error: click.ClickException) -> str:
    """Return click's error as one line that begins with the command."""
    context = getattr(error, "ctx", None)
    command = context.command_path.removeprefix("zmqdev").strip() if context else ""
    text = _words(error)
    return f"{command}: {text}" if command else text


def _words(error: click.ClickException) -> str:
    if isinstance(error, click.NoSuchOption):
        known = error.possibilities or ()
        return f"no such option {error.option_name!r}{_near(error.option_name, known)}"
    text = error.format_message().replace("\n", " ").rstrip(".")
    return text[:1].lower() + text[1:]


def _near(word: str, known: Iterable[str]) -> str:
    from zmqdev.options.suggest import near

    return near(word, known)
