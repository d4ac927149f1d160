"""The settings of a device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zmqdev.options.capturing import Capturing
from zmqdev.options.common import Logging, Ready, Stats, Threads
from zmqdev.options.control_keys import ControlKeys
from zmqdev.options.files import files_of
from zmqdev.options.kind import DeviceKind
from zmqdev.options.layer import plain
from zmqdev.options.limits import Limits
from zmqdev.options.measures import Duration
from zmqdev.options.option import named, option, section
from zmqdev.options.places import AGAIN, AddressOrOff, FileName, HostPort
from zmqdev.options.route import PatternText, RouteTest
from zmqdev.options.routes import RoutesOrFile
from zmqdev.options.rows import Rows
from zmqdev.options.side import RESERVED, Backend, Frontend
from zmqdev.options.types import Choice, IntegerOrAlone, Many, Text
from zmqdev.routing.pattern import Pattern

# Topics whose last value a forwarder keeps: the default and the limit.
LAST_VALUES, MOST_LAST_VALUES = 10_000, 1_000_000

# How an address ends when the system chooses the port or path.
CHOSEN_LATER = (":0", ":*", "://*")


@dataclass(frozen=True)
class DeviceSpec(Capturing, ControlKeys, Threads, Logging, Ready):
    """The settings of one device."""

    name: str | None = option(
        Text(metavar="NAME"), help="Name shown and used by ctl. Default: the kind.", group="Life"
    )
    frontend: Frontend = section(Frontend, help="The side that takes messages in.")
    backend: Backend = section(Backend, help="The side that sends them on.")
    backends: Mapping[str, Backend] = named(
        Backend, help="More backends, by names of your own.", reserved=RESERVED
    )
    routes: Any = option(
        RoutesOrFile(),
        default=(),
        help="Route messages by content: a file with routes; in a YAML file also a list.",
        group="Routing",
    )
    drop: tuple[Pattern, ...] = option(
        Many(PatternText()),
        default=(),
        help="Drop messages whose first frame matches; * stands for any bytes; repeatable.",
        group="Routing",
    )
    keep: tuple[Pattern, ...] = option(
        Many(PatternText()),
        default=(),
        help="Drop messages whose first frame matches none of these; repeatable.",
        group="Routing",
    )
    tests: tuple[RouteTest, ...] = option(
        Rows(spec=RouteTest),
        default=(),
        flag="",
        help="Messages and the backends that get them; `check` and `route` try them.",
        group="Routing",
    )
    set: tuple[str, ...] = option(
        Many(Text(metavar="SIDE.OPTION=VALUE", any_bytes=True)),
        default=(),
        help="Set a ZeroMQ socket option of a side, like frontend.sndhwm=5000; repeatable.",
        group="Sides",
    )
    on_full: str | None = option(
        Choice(choices=("block", "drop")),
        help="When no peer can take a message: wait, or drop it. Default: drop for a forwarder, "
        "otherwise block.",
        group="Data path",
    )
    last_value: int | None = option(
        IntegerOrAlone(1, MOST_LAST_VALUES, alone=LAST_VALUES),
        help="forwarder: keep the last message of each topic, for up to N topics, and send it to "
        f"each new subscriber at once. Without N: {LAST_VALUES}.",
        group="Data path",
    )
    replace: str | None = option(
        Text(metavar="NAME"),
        help="Stop the running device with this name first, wait until it has ended, and take "
        "over its addresses and name.",
        group="Life",
    )
    control: str | None = option(
        AddressOrOff(),
        help="Address where the device answers `zmqdev ctl`. Default: an ipc address of this user.",
        group="Life",
    )
    metrics: str | None = option(
        HostPort(),
        help="Serve Prometheus metrics, /healthz and /readyz there; needs zmqdev[metrics].",
        group="Statistics",
    )
    drain: float = option(
        Duration(),
        default=5.0,
        help="Time that a stop may take to pass on the messages already received.",
        group="Life",
    )
    stats: Stats = section(Stats, help="What is shown of the flow.", shorthand="mode")
    limits: Limits = section(Limits, help="What a peer may ask.")
    topic_acl: str | None = option(
        FileName(change=AGAIN),
        help="File of rights: which prefixes a user may subscribe to, and which services a worker "
        "may serve.",
        group="Security",
    )

    @property
    def names_services(self) -> bool:
        """Whether workers name the service they offer; those of a plain device do not."""
        return False

    @property
    def targets(self) -> dict[str, Backend]:
        """Return every backend by name, `backend` first if there is one. For resolved settings."""
        rest = {} if self.backend.type is None else {"backend": self.backend}
        return {**rest, **self.backends}

    @property
    def sides(self) -> dict[str, Frontend | Backend]:
        """Return every side by name, the frontend first. For resolved settings."""
        return {"frontend": self.frontend, **self.targets}

    def path(self, side: str) -> str:
        """Return the key of a side's options in a file: `frontend` or `backends.eu`."""
        return f"backends.{side}" if side in self.backends else side


def on_demand(spec: DeviceSpec) -> bool:
    """Whether work goes only to workers that ask for it."""
    return spec.backend.demand


def reloadable(spec: DeviceSpec) -> bool:
    """Whether it has files that can be read again while it runs."""
    return any(file.change == AGAIN for file in files_of(spec))


def bound_addresses(spec: DeviceSpec) -> Iterator[tuple[str, str]]:
    """Yield (option path, address) of everything the device binds."""
    for name, side in spec.sides.items():
        for address in side.bind:
            yield f"{spec.path(name)}.bind", address
    if spec.capture:
        yield "capture", spec.capture
    if spec.control and spec.control != "off":
        yield "control", spec.control


def warnings(spec: DeviceSpec) -> Iterator[str]:
    """Yield warnings about settings that are allowed but risky."""
    for name, side in spec.sides.items():
        for mark in ("sndhwm", "rcvhwm"):
            if side.sockopts.get(mark) == 0:
                yield f"{name}.{mark} is 0: a stalled peer can fill the memory"


def printed(kind: DeviceKind, spec: DeviceSpec) -> dict[str, Any]:
    """Return resolved settings as a file that starts the same device, without `replace`."""
    told = {"device": kind.name, **plain(spec)}
    told.pop("replace", None)
    if spec.backend.type is None:  # there are only named backends
        told.pop("backend", None)
    return told
