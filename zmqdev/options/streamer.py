"""The settings of a streamer, which may spool to disk."""

from __future__ import annotations

from dataclasses import dataclass

from zmqdev.errors import UsageError
from zmqdev.options import socktype
from zmqdev.options.device import DeviceSpec, on_demand
from zmqdev.options.layer import Written
from zmqdev.options.measures import Size
from zmqdev.options.option import option
from zmqdev.options.routes_table import is_routed
from zmqdev.options.types import Text

MEBIBYTE = 1 << 20
LEAST = 1 * MEBIBYTE
_GROUP = "Spool"


@dataclass(frozen=True)
class StreamerSpec(DeviceSpec):
    """The settings of a streamer. `spool` is a file that keeps messages for absent pullers."""

    spool: str | None = option(
        Text(metavar="FILE", any_bytes=True),
        help="Keep messages in this file while pullers are absent or full, and pass them on "
        "later, in order.",
        group=_GROUP,
    )
    spool_size: int = option(
        Size(),
        default=1024 * MEBIBYTE,
        help="Maximum size of the spool; --on-full says what happens when it is full.",
        group=_GROUP,
    )


def check_spool(spec: StreamerSpec, written: Written) -> None:
    """Refuse what does not work with a spool. For resolved settings."""
    if spec.spool is None:
        return
    if is_routed(spec) or spec.backends:
        raise UsageError(
            "a spool has one target; take the routes and backends out, or the spool",
            written.place("routes", "drop", "keep", "backends", "spool"),
        )
    if on_demand(spec):
        raise UsageError(
            "demand takes in only what was asked for, so nothing is left to spool; leave one of "
            "the two out",
            written.place("backend.demand", "spool"),
        )
    _check_sides(spec, written)
    if spec.spool_size < LEAST:
        raise UsageError("spool-size: the least is 1MiB", written.place("spool-size", "spool"))


def _check_sides(spec: StreamerSpec, written: Written) -> None:
    front, back = spec.frontend, spec.backend
    for name, side in spec.sides.items():
        if side.type == "ROUTER":
            raise UsageError(
                f"{name}: a ROUTER's addresses are void after a restart, so they cannot be "
                "spooled; use another type",
                written.place(f"{name}.type", "spool"),
            )
    if back.type in socktype.PUBLISHERS:
        raise UsageError(
            f"backend: a {back.type} is never full, so nothing would be spooled; use PUSH",
            written.place("backend.type", "spool"),
        )
    if not (front.sockopts.get("rcvhwm", 1) and back.sockopts.get("sndhwm", 1)):
        raise UsageError(
            "without a high-water mark libzmq holds everything in memory and nothing is spooled; "
            "set sndhwm and rcvhwm above 0",
            written.place("backend.sndhwm", "frontend.rcvhwm", "spool"),
        )
