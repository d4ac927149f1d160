"""The verbs of a running device, declared as a table.

To add a verb, add a row to VERBS: name, help, function, arguments. To make something changeable by
`set`, add a row to SETTINGS (settings.py). The functions run in the main thread; what must happen
in the device's own thread goes through `device.call`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import zmqdev
from zmqdev.control.protocol import Argument, Refused, Verb
from zmqdev.control.settings import SETTINGS, change, present
from zmqdev.control.target import Steered
from zmqdev.errors import UsageError
from zmqdev.options.measures import Duration
from zmqdev.options.places import Address
from zmqdev.options.quantity import format_duration
from zmqdev.options.types import Choice, Text

log = logging.getLogger("zmqdev")
CUT_OFF = "peers still sent when the address went, or the device is at a halt; messages may be lost"
LEASE, LONGEST_LEASE = 5.0, 60.0
# The only verb whose reply comes later.
ENDED = "ended"


def status(on: Steered) -> dict[str, Any]:
    """Return state, addresses, peers and counts."""
    from zmqdev.relay import NATIVE

    told = on.device.snapshot().plain()
    for side in told["sides"]:
        side["peers"].pop("addresses")  # up to a thousand; `peers` lists them
    told["control"] = {"name": on.name, "address": on.address, "tapped": on.tap.on}
    told["process"] = {
        "pid": os.getpid(),
        "version": zmqdev.__version__,
        # With a route function, messages go through Python.
        "relay": "native" if NATIVE and "hook_ns" not in told["details"] else "python",
    }
    return told


def peers(on: Steered) -> dict[str, Any]:
    """Return the peers of each side, with their connections."""
    from zmqdev.control.peers import connections

    told = {side.name: asdict(side.peers) for side in on.device.snapshot().sides}
    for name, side in told.items():
        watch = on.device.watches.get(name)
        side["connections"] = connections(watch.connections()) if watch is not None else []
    return told


def config(on: Steered) -> dict[str, Any]:
    """Return the present settings as a file has them."""
    return present(on)


def pause(on: Steered) -> dict[str, Any]:
    """Stop moving messages."""
    on.check_moving()
    on.device.pause()
    return {"state": on.device.state}


def resume(on: Steered) -> dict[str, Any]:
    """Move messages again."""
    on.check_moving()
    on.device.resume()
    return {"state": on.device.state}


def _end(on: Steered, *, at_once: bool) -> None:
    service = on.service
    if not service.stopping:
        service.stop()
    if at_once:
        service.stop()


def drain(on: Steered, within: float | None = None) -> dict[str, Any]:
    """Pass on what is inside, then end."""
    if within is not None:
        on.device.drain = within
    _end(on, at_once=False)
    return {"within": format_duration(on.device.drain)}


def stop(on: Steered, when: str = "drained") -> dict[str, Any]:
    """End, drained or at once."""
    _end(on, at_once=when == "now")
    return {"when": when}


def ended(on: Steered) -> dict[str, Any]:
    """Return how it ended.

    The control socket calls this at the end, for all that wait for it.
    """
    failure = on.device.failure
    return {
        "state": on.device.state,
        "reports": list(on.device.reports),
        "failure": None if failure is None else str(failure),
        "process": on.service.ends_process,
    }


def reload(on: Steered) -> dict[str, Any]:
    """Read the files again; return what changed."""
    try:
        return asdict(on.service.read_again())
    except UsageError as error:
        raise Refused("refused", f"{error}; nothing has changed") from None


def reset(on: Steered) -> dict[str, Any]:
    """Count messages from zero again."""
    on.device.engine.reset()
    return {}


def open_address(verb: str, on: Steered, side: str, address: str) -> dict[str, Any]:
    """Bind or connect a side to one more address."""
    if address.startswith("inproc://"):
        raise Refused("refused", f"{address} is inside one process; no other process can reach it")
    found = on.side(side)
    on.check_moving()
    if found.guard is not None:
        found.guard.check_role(verb)
    if verb == "bind":
        return asdict(on.device.call(lambda: found.bind(address)))
    return asdict(on.device.call(lambda: found.connect(address)))


def close_address(verb: str, on: Steered, side: str, address: str) -> dict[str, Any]:
    """Unbind or disconnect an address of a side."""
    found = on.side(side)
    on.check_moving()
    # libzmq ends two connections to the same address together, so they count as one
    # here.
    own = list(dict.fromkeys(state for state in found.addresses if state.verb == verb))
    meant = [s for s in own if s.actual == address] or [s for s in own if s.asked == address]
    if len(meant) != 1:
        has = ", ".join(state.actual for state in own) or "none"
        what = "not" if not meant else f"{len(meant)} times"
        raise Refused(
            "refused", f"{address} is {what} among the addresses of {side}; these are {has}"
        )
    from zmqdev.device.release import AddressRelease

    leaving = on.service.leaving(side)
    if not AddressRelease(on.device, found, meant[0], on.service.hear).act():
        log.warning("%s %s: %s: %s", on.device.name, side, meant[0].actual, CUT_OFF)
    leaving.begin(on.service.loop)
    return asdict(meant[0])


def tap(on: Steered, viewer: str = "", lease: float = LEASE) -> dict[str, Any]:
    """Turn the tap on for a while and return its address."""
    if lease > LONGEST_LEASE:
        raise Refused("bad-argument", f"lease: at most {format_duration(LONGEST_LEASE)}")
    address = on.tap.lease(viewer, lease)
    types = {side.name: side.type for side in on.device.engine.sockets()}
    return {"address": address, "lease": format_duration(lease), "types": types}


def routes(on: Steered) -> dict[str, Any]:
    """Return the routes with their counts."""
    told = on.device.engine.details()
    if "routes" not in told:
        raise Refused("refused", f"{on.device.name} has no routes")
    return dict(told)


def list_verbs(on: Steered) -> dict[str, Any]:
    """Return all verbs with usage and help."""
    return {verb.name: {"usage": verb.usage, "help": verb.help} for verb in VERBS.values()}


_SIDE = Argument("side", Text(), "frontend, backend, or the name of one of `backends`")


def _address(name: str, help: str, verb: str, act: Callable[..., dict[str, Any]]) -> Verb:
    """Declare a verb about an address of a side."""
    arguments = (_SIDE, Argument("address", Address(verb=verb), "an address"))
    return Verb(name, help, partial(act, verb), arguments, changes=True)


VERBS = {
    verb.name: verb
    for verb in (
        Verb("status", "State, addresses, peers and counts.", status),
        Verb(
            "pause",
            "Stop passing messages on; they wait, up to the high-water marks.",
            pause,
            changes=True,
        ),
        Verb("resume", "Pass messages on again.", resume, changes=True),
        Verb(
            "drain",
            "Stop the input, pass on the messages inside and end, in the drain time or this one.",
            drain,
            (Argument("within", Duration(), "a duration like 30s", required=False),),
            changes=True,
        ),
        Verb(
            "stop",
            "End as with SIGTERM, drained; `now` ends at once.",
            stop,
            (Argument("when", Choice(choices=("drained", "now")), "drained or now", False),),
            changes=True,
        ),
        Verb(
            ENDED,
            "Wait until the device has ended; the reply says how, and what was left inside.",
            ended,
        ),
        Verb(
            "reset",
            "Set the counts of messages to zero; the counts of peers continue.",
            reset,
            changes=True,
        ),
        Verb("routes", "The routes, and what each has taken.", routes),
        Verb(
            "reload",
            "Read the file of --config, keys, users, rights and routes again.",
            reload,
            changes=True,
        ),
        Verb(
            "peers", "The connected peers of each side, with addresses, bytes and failures.", peers
        ),
        Verb("config", "The current settings, as a file that starts the same device.", config),
        Verb(
            "set",
            "Change log-level, interval, drain, on-full, routes, drop, keep, or SIDE.hwm, .sndhwm, "
            ".rcvhwm.",
            change,
            (
                Argument("key", Text(), f"one of {', '.join(SETTINGS)}"),
                Argument("value", Text(), "the new value, as text"),
            ),
            changes=True,
        ),
        _address("connect", "Connect a side to one more address.", "connect", open_address),
        _address(
            "disconnect",
            "Disconnect a side from an address; its messages are still passed on.",
            "connect",
            close_address,
        ),
        _address("bind", "Bind a side to one more address.", "bind", open_address),
        _address(
            "unbind",
            "Unbind an address and end its connections; their messages are still passed on.",
            "bind",
            close_address,
        ),
        Verb(
            "tap",
            "Switch the tap on for a time; the reply has its address. See `zmqdev tap`.",
            tap,
            (
                Argument("viewer", Text(), "a name for the viewer", required=False),
                Argument("lease", Duration(), "a duration like 5s; 0 ends it", required=False),
            ),
        ),
        Verb("verbs", "This list.", list_verbs),
    )
}
