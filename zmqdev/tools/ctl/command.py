"""The command `ctl`: ask a running device, or list those that run."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from zmqdev.cli.completion import devices, verbs
from zmqdev.cli.tool import tool
from zmqdev.control import protocol as wire
from zmqdev.control.verbs import VERBS
from zmqdev.errors import EXIT_FAILED, EXIT_OK, RunError, UsageError
from zmqdev.options.control_keys import AskingKeys, asking_of
from zmqdev.options.measures import Duration
from zmqdev.options.option import option
from zmqdev.options.types import Flag
from zmqdev.supervisor.verbs import VERBS as PARTS

if TYPE_CHECKING:
    from zmqdev.control.client import Asker

HELP = """Query or control a running device, or list all running devices.

Without NAME: a list of the running devices of this user. NAME is a name from that
list, or a control address. Without VERB: the status of the device. With --all,
VERB and its arguments go to all of them: `ctl --all reload`.
"""


@dataclass(frozen=True)
class CtlOptions(AskingKeys):
    """The options of `ctl`."""

    json: bool = option(Flag(), default=False, help="Print JSON.")
    timeout: float = option(
        Duration(positive=True), default=2.0, help="How long to wait for an answer."
    )
    no_wait: bool = option(
        Flag(),
        default=False,
        help="After stop and drain: do not wait for the end of the device. With peers: do not "
        "spend a second to measure rates.",
    )
    all: bool = option(Flag(), default=False, help="Ask all running devices.")


def command(name: str) -> click.Command:
    """Declare the command."""
    arguments = [
        click.Argument(["device"], metavar="[NAME]", required=False, shell_complete=devices),
        click.Argument(["verb"], metavar="[VERB]", required=False, shell_complete=verbs),
        click.Argument(["words"], metavar="[ARGUMENT]...", nargs=-1),
    ]
    return tool(name, CtlOptions, _act, help=HELP, arguments=arguments, epilog=_verbs())


def _verbs() -> str:
    width = max(len(verb.usage) for verb in VERBS.values())
    rows = (f"  {verb.usage.ljust(width)}  {verb.help}" for verb in VERBS.values())
    parts = (
        f"  {verb.usage.ljust(width)}  {verb.help}"
        for verb in PARTS.values()
        if verb.name not in VERBS
    )
    told = "\b\nVerbs:\n" + "\n".join(rows)
    return f"{told}\n\n\b\nVerbs of a file that `zmqdev run` has started:\n" + "\n".join(parts)


def _act(options: CtlOptions, device: str | None, verb: str | None, words: tuple[str, ...]) -> int:
    if options.all and device is not None:
        return _all(options, device, (verb, *words) if verb is not None else ())
    if device is None:
        return _list(options.json, options.timeout)
    name, args = _asked(device, verb or "status", words)
    from zmqdev.control.client import Asker, targets
    from zmqdev.control.ending import ENDING

    address, keys = targets((device,))[0].address, asking_of(options)
    if name in ENDING and not options.no_wait:
        return _end(options, address, name, args)
    with Asker(keys) as asker:
        result = asker.ask(address, name, args, options.timeout)
        if name == "peers" and not options.no_wait:
            result = _rated(asker, address, result, options.timeout)
    from zmqdev.tools.ctl.answers import answer

    click.echo(_json(result) if options.json else answer(name, result))
    return 0


def _rated(asker: Asker, address: str, before: Any, patience: float) -> Any:
    """Ask for the peers again a moment later and add the rates in between."""
    from zmqdev.tools.ctl.peer_rates import BETWEEN, with_rates

    if not any(side.get("connections") for side in before.values()):
        return before
    began = time.monotonic()
    time.sleep(BETWEEN)
    after = asker.ask(address, "peers", {}, patience)
    return with_rates(before, after, time.monotonic() - began)


def _all(options: CtlOptions, verb: str, words: tuple[str, ...]) -> int:
    """Ask all running devices the same.

    Returns 1 when one refuses, does not answer, or ends uncleanly.
    """
    name, args = _asked("--all", verb, words)
    from zmqdev.control.client import targets
    from zmqdev.control.ending import ENDING
    from zmqdev.tools.ctl.everyone import ask, end

    found = targets(())
    act = end if name in ENDING and not options.no_wait else ask
    told = act(found, name, args, options.timeout)
    if options.json:
        click.echo(_json({one.name: one.result for one in told if one.error is None}))
    else:
        for one in told:
            click.echo(one.text(name))
    for one in told:
        if one.error is not None:
            click.echo(f"zmqdev: {one.name}: {one.error}", err=True)
    return EXIT_FAILED if any(one.error is not None for one in told) else EXIT_OK


def _end(options: CtlOptions, address: str, name: str, args: dict[str, Any]) -> int:
    """Ask a device to end and wait until it has ended.

    Raises RunError when it failed or lost messages.
    """
    from zmqdev.control.client import Asker
    from zmqdev.control.ending import Awaited, failure
    from zmqdev.tools.ctl.answers import answer

    keys = asking_of(options)
    awaited = Awaited(address, options.timeout, keys)
    try:
        with Asker(keys) as asker:
            result = asker.ask(address, name, args, options.timeout)
        click.echo(_json(result) if options.json else answer(name, result))
        told = awaited.wait(lambda line: click.echo(line, err=True))
    finally:
        awaited.close()
    why = failure(told)
    if why is not None:
        raise RunError(why)
    return 0


def _asked(device: str, verb: str, words: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Return the verb and its arguments as JSON values, checked as the device checks them."""
    try:
        row = wire.find({**PARTS, **VERBS}, wire.ControlRequest(verb))
        parsed = wire.check(row, wire.by_position(row, words), text=True)
    except wire.Refused as refused:
        raise UsageError(refused.message, f"ctl {device}") from None
    return row.name, {
        argument.name: argument.type.plain(parsed[argument.name])
        for argument in row.arguments
        if argument.name in parsed
    }


def _list(as_json: bool, patience: float) -> int:
    from zmqdev.control.client import Asker, targets
    from zmqdev.tools.ctl.answers import listing

    found = targets(())
    with Asker() as asker:
        replies = asker.ask_all([item.address for item in found], "status", patience=patience)
    rows = [
        (item, reply.result if (reply := replies[item.address]) and reply.ok else None)
        for item in found
    ]
    if as_json:
        click.echo(_json([told or _silent(item.name, item.address) for item, told in rows]))
    else:
        click.echo(listing(rows))
    return 0


def _silent(name: str, address: str) -> dict[str, Any]:
    """Return a status for a device that did not answer."""
    return {"name": name, "state": "no answer", "control": {"name": name, "address": address}}


def _json(value: Any) -> str:
    from zmqdev.system.printable import escaped_json

    return escaped_json(json.dumps(value, ensure_ascii=False, indent=2))
