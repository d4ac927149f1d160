"""The commands `pub`, `sub`, `push`, `pull`, `client`, `worker` and the plain sockets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import click

from zmqdev.cli.spec_command import Subject, make
from zmqdev.cli.words import of_endpoint
from zmqdev.errors import UsageError
from zmqdev.options.endpoint import ENDPOINTS, AnyEndpoint, EndpointKind
from zmqdev.options.endpoint_check import addresses, printed, resolve
from zmqdev.options.layer import Written

# Option that words without a flag belong to -> its name in the usage line.
WORDS = {"data": "[TEXT...]", "subscribe": "[TOPIC...]", "": ""}


def command(name: str) -> click.Command:
    """Declare the command of an endpoint."""
    kind = ENDPOINTS[name]
    return make(
        Subject(
            category="endpoint",
            kind=name,
            help=f"{kind.help}\n\nWithout flags: {kind.types[0]} {kind.verb}s {kind.address}.",
            spec=kind.spec,
            resolve=partial(_resolve, kind),
            printed=partial(printed, kind),
            act=partial(_act, kind),
            understand=partial(of_endpoint, kind),
            words=f"[ADDRESS...] {WORDS[kind.word]}".rstrip(),
        )
    )


def _resolve(kind: EndpointKind, spec: AnyEndpoint, written: Written) -> AnyEndpoint:
    from zmqdev.endpoints.defaults import check_texts

    filled = resolve(kind, spec, written)
    check_texts(filled, written)
    for key, address in addresses(filled):
        if address.startswith("inproc://"):
            raise UsageError(
                f"{key}: {address} is inside one process; use ipc:// here", written.place(key)
            )
    return filled


def _act(
    kind: EndpointKind, spec: AnyEndpoint, again: Callable[[], AnyEndpoint] | None = None
) -> int:
    from zmqdev.cli.start_endpoint import run_endpoint

    return run_endpoint(kind, spec)
