"""The device kinds: a row each. Adding a device is adding a row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SideDefault:
    """What a side is when nothing is said about it."""

    type: str
    verb: str  # bind or connect
    address: str


@dataclass(frozen=True)
class DeviceKind:
    """`replies`: what comes from the backend goes back to the frontend where the types can.

    `hwm`: the default high-water mark, in whole messages, of every pipe.
    """

    name: str
    help: str
    frontend: SideDefault
    backend: SideDefault
    replies: bool
    hwm: int
    only: bool = False  # takes no other socket types than these


KINDS: dict[str, DeviceKind] = {
    kind.name: kind
    for kind in (
        DeviceKind(
            name="forwarder",
            help="Pass what publishers send to subscribers, and subscriptions back.",
            frontend=SideDefault("XSUB", "connect", "tcp://127.0.0.1:5555"),
            backend=SideDefault("XPUB", "bind", "tcp://127.0.0.1:5556"),
            replies=True,
            # P13: at 1000 messages are lost even with a few hundred in flight.
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
