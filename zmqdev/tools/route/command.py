"""The command `route`: show where the routes of a file send messages, without sockets."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from zmqdev.cli.options import file_argument
from zmqdev.cli.tool import tool
from zmqdev.errors import EXIT_OK, EXIT_UNMET, UsageError
from zmqdev.options.option import option
from zmqdev.options.types import Choice, Flag, Text

if TYPE_CHECKING:
    from zmqdev.options.route_trial import Trial
    from zmqdev.routing.dry import DryOutcome, DryRun
    from zmqdev.tools.route.hook import DryHook

HELP = """Show where the routes of a file send messages, without a socket.

FILE is a file of routes, as for `--routes`, or the file of a device with routes. A Python
function in place of routes gets one message a call. Each line of the input is a message. Without
input, the tests in the file run; the exit status is 3 when one fails. Every backend counts as
ready, and time stands still: a route with a rate takes the messages of its first second.
"""
FORMATS = ("text", "json", "junit")
LEAST, GAP = 6, 3


@dataclass(frozen=True)
class RouteOptions:
    """The options of `route`."""

    messages: str | None = option(
        Text(metavar="FILE"), short="F", help="Read the messages from this file; - is stdin."
    )
    json: bool = option(
        Flag(), default=False, help="The messages are JSON lines, as `sub --format json` writes."
    )
    tests: bool = option(Flag(), default=False, help="Only run the tests; read no messages.")
    format: str = option(
        Choice(choices=FORMATS), default="text", help="Text, JSON lines, or JUnit XML of the tests."
    )


def command(name: str) -> click.Command:
    """Declare the command."""
    return tool(name, RouteOptions, _act, help=HELP, arguments=[file_argument()])


def _act(options: RouteOptions, file: str) -> int:
    from zmqdev.options.route_trial import try_all
    from zmqdev.tools.route.subject import dry_run, subject

    table, rules = subject(file)
    run = dry_run(table, rules)
    lines = iter(()) if options.tests or options.format == "junit" else _lines(options)
    first = next(lines, None)
    if first is None:
        return _tests(list(try_all(run, rules)), options.format, file)
    messages = (_message(line, options) for line in _chain(first, lines))
    routed = _routed(run, messages)
    longest = max(map(len, table.backends))
    if options.format == "json":
        _write(_object(*one) for one in routed)
    else:
        _text(routed, longest)
    return EXIT_UNMET if run.failed else EXIT_OK


def _routed(
    run: DryRun | DryHook, messages: Iterable[list[bytes]]
) -> Iterator[tuple[list[bytes], DryOutcome]]:
    for message in messages:
        yield message, run.send(message)
    rest = run.end()
    if rest is not None:
        yield [b"(end)"], rest


def _chain(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _lines(options: RouteOptions) -> Iterator[bytes]:
    if options.messages is None and (sys.stdin is None or sys.stdin.isatty()):
        return
    for line in _source(options.messages):
        yield line.rstrip(b"\r\n")


def _source(path: str | None) -> BinaryIO:
    if path in (None, "-"):
        return sys.stdin.buffer
    try:
        return open(str(path), "rb")
    except OSError as error:
        why = (error.strerror or "it cannot be read").lower()
        raise UsageError(f"cannot read {path}: {why}", "--messages") from None


def _message(line: bytes, options: RouteOptions) -> list[bytes]:
    if not options.json:
        return [line]
    from zmqdev.endpoints.form.jsonline import decode

    try:
        return decode(line)
    except ValueError as error:
        raise UsageError(str(error), options.messages or "stdin") from None


def _text(routed: Iterable[tuple[list[bytes], DryOutcome]], longest: int) -> int:
    """Print a line for each message, then how many went to each backend."""
    width, messages = LEAST, 0
    counts: dict[str, int] = {}
    for message, outcome in routed:
        messages += 1
        shown = _shown(b" ".join(message))
        width = max(width, min(len(shown), 40))
        to = ", ".join(outcome.to)
        told = f"route {', '.join(outcome.routes)}" if outcome.routes else "no route"
        sys.stdout.write(f"{shown:<{width}} -> {to:<{longest + GAP}}{told}\n")
        for name in outcome.to:
            counts[name] = counts.get(name, 0) + 1
    parts = ", ".join(f"{count} {name}" for name, count in counts.items())
    return _write([f"{_counted(messages, 'message')}: {parts}"])


def _shown(message: bytes) -> str:
    text = message.decode(errors="backslashreplace")
    return text if text.isprintable() else repr(text)[1:-1]


def _object(message: Sequence[bytes], outcome: DryOutcome) -> str:
    return json.dumps(
        {
            "frames": [frame.decode(errors="backslashreplace") for frame in message],
            "to": outcome.to,
            "routes": outcome.routes,
        }
    )


def _tests(trials: list[Trial], form: str, file: str) -> int:
    failed = [trial for trial in trials if not trial.passed]
    if form == "json":
        _write(json.dumps(_trial(one)) for one in trials)
    elif form == "junit":
        _write(_junit(trials, failed, file))
    else:
        _write([f"{one.place}: {one.words()}" for one in failed])
        _write([f"{_counted(len(trials), 'test')}, {len(failed)} failed"])
    return EXIT_UNMET if failed else EXIT_OK


def _trial(one: Trial) -> dict[str, Any]:
    return {
        "test": one.number,
        "frames": one.test.message,
        "to": one.outcome.to,
        "expected": one.test.to,
        "passed": one.passed,
        "place": one.place,
    }


def _junit(trials: list[Trial], failed: list[Trial], file: str) -> Iterator[str]:
    from xml.sax.saxutils import quoteattr

    yield f'<testsuite name={quoteattr(file)} tests="{len(trials)}" failures="{len(failed)}">'
    for one in trials:
        name = quoteattr(" ".join(one.test.message))
        if one.passed:
            yield f'  <testcase classname="routes" name={name}/>'
        else:
            said = quoteattr(f"{one.place}: {one.words()}")
            yield f'  <testcase classname="routes" name={name}><failure message={said}/></testcase>'
    yield "</testsuite>"


def _write(lines: Iterable[str]) -> int:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    return EXIT_OK


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
