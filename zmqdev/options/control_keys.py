"""CURVE at a control address of tcp: options of what answers and of what asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from zmqdev.errors import UsageError
from zmqdev.options.layer import Written
from zmqdev.options.option import option
from zmqdev.options.places import FileName
from zmqdev.options.security import Security


@dataclass(frozen=True)
class ControlDoor(Security):
    """The security of a control socket, which binds."""

    @property
    def binds(self) -> bool:
        """Return True: it is the server of the handshake."""
        return True


@dataclass(frozen=True)
class ControlKeys:
    """Options of what answers at a control socket."""

    control_key: str | None = option(
        FileName(),
        help="CURVE for a tcp control address: own secret certificate, as `zmqdev keygen` writes "
        "it.",
        group="Life",
    )
    control_clients: str | None = option(
        FileName(metavar="DIR"),
        help="CURVE for a tcp control address: directory with the certificates of the clients "
        "that may connect.",
        group="Life",
    )


@dataclass(frozen=True)
class AskingKeys:
    """Options of what asks a control socket."""

    curve_key: str | None = option(
        FileName(),
        help="CURVE, for tcp control addresses: own secret certificate.",
    )
    server_key: str | None = option(
        FileName(metavar="KEY|FILE", or_value=True),
        help="CURVE, for tcp control addresses: the public key of the device, or its certificate.",
    )


class Answering(Protocol):
    """The settings of what has a control socket: a device, or `run`."""

    @property
    def control(self) -> str | None: ...
    @property
    def control_key(self) -> str | None: ...
    @property
    def control_clients(self) -> str | None: ...


def check(spec: Answering, written: Written) -> None:
    """Refuse keys that protect nothing; UsageError names the place."""
    if not (spec.control_key or spec.control_clients):
        return
    place = written.place("control-key", "control-clients")
    if not (spec.control_key and spec.control_clients):
        raise UsageError("control-key and control-clients need each other", place)
    if not (spec.control or "").startswith("tcp://"):
        raise UsageError("control-key: only with --control tcp://HOST:PORT", place)


def door_of(spec: ControlKeys) -> Security:
    """Return the security of the control socket."""
    if not spec.control_key:
        return Security()
    return ControlDoor(curve_key=spec.control_key, authorized_keys=spec.control_clients)


def asking_of(options: AskingKeys) -> Security | None:
    """Return the security to use with tcp control sockets; None without keys.

    Raises UsageError when one half is missing.
    """
    if not (options.curve_key or options.server_key):
        return None
    if not options.server_key:
        raise UsageError("curve-key needs --server-key, the public key of what is asked")
    return Security(curve_key=options.curve_key, server_key=options.server_key)
