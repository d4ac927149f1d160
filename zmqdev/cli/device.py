"""The commands `forwarder`, `streamer` and `queue`, one for each kind of device."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import click

from zmqdev.cli.spec_command import Subject, make
from zmqdev.cli.words import of_device
from zmqdev.errors import UsageError
from zmqdev.options.device import DeviceSpec, bound_addresses, printed
from zmqdev.options.kind import KINDS, DeviceKind
from zmqdev.options.layer import Written
from zmqdev.options.queue import resolve_device, spec_of


def command(name: str) -> click.Command:
    """Declare the command of a kind."""
    kind = KINDS[name]
    frontend, backend = kind.frontend, kind.backend
    return make(
        Subject(
            category="device",
            kind=name,
            help=f"{kind.help}\n\nWithout flags: {frontend.type} {frontend.verb}s "
            f"{frontend.address}, {backend.type} {backend.verb}s {backend.address}.",
            spec=spec_of(name),
            resolve=partial(_resolve, kind),
            printed=partial(printed, kind),
            act=partial(_act, kind),
            understand=partial(of_device, kind),
            words="[FRONTEND [BACKEND] | FILE]",
        )
    )


def _resolve(kind: DeviceKind, spec: DeviceSpec, written: Written) -> DeviceSpec:
    filled = resolve_device(kind, spec, written)
    for key, address in (
        *bound_addresses(filled),
        *(
            (f"{filled.path(name)}.connect", address)
            for name, side in filled.sides.items()
            for address in side.connect
        ),
    ):
        if address.startswith("inproc://"):
            fix = "use ipc:// here, or put both ends in one file and start it with `zmqdev run`"
            raise UsageError(f"{key}: {address} is inside one process; {fix}", written.place(key))
    return filled


def _act(kind: DeviceKind, spec: DeviceSpec, again: Callable[[], DeviceSpec] | None = None) -> int:
    from zmqdev.cli.start_device import run_device

    return run_device(kind, spec, again)
