"""The kinds of devices, declared as a table. A new row is a new device."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SideDefault:
    """The defaults of a side."""

    type: str
    verb: str  # bind or connect
    address: str


@dataclass(frozen=True)
class DeviceKind:
    """A kind of device.

    `replies`: messages from the backend go back to the frontend if the socket types
    allow it. `hwm`: the default high-water mark of every pipe, in whole messages.
    """

    name: str
    help: str
    frontend: SideDefault
    backend: SideDefault
    replies: bool
    hwm: int
    only: bool = False  # accepts no other socket types


KINDS: dict[str, DeviceKind] = {
    kind.name: kind
    for kind in (
        DeviceKind(
            name="forwarder",
            help="Pass what publishers send to subscribers, and subscriptions back.",
            frontend=SideDefault("XSUB", "connect", "tcp://127.0.0.1:5555"),
            backend=SideDefault("XPUB", "bind", "tcp://127.0.0.1:5556"),
            replies=True,
            # At 1000, messages are lost even with only a few hundred in flight.
            hwm=10_000,
        ),
        DeviceKind(
            name="streamer",
            help="Collect work from pushers and share it among pullers.",
            frontend=SideDefault("PULL", "bind", "tcp://127.0.0.1:5557"),
            backend=SideDefault("PUSH", "bind", "tcp://127.0.0.1:5558"),
            replies=False,
            hwm=1000,
        ),
        DeviceKind(
            name="queue",
            help="Share the requests of clients among workers, and route the replies back.",
            frontend=SideDefault("ROUTER", "bind", "tcp://127.0.0.1:5555"),
            backend=SideDefault("DEALER", "bind", "tcp://127.0.0.1:5559"),
            replies=True,
            hwm=1000,
        ),
    )
}
