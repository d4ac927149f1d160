"""What a whole file can be asked: keys beside `parts:`, and the flags of `zmqdev run`."""

from __future__ import annotations

from dataclasses import dataclass

from zmqdev.spec.common import Logging, Ready, Stats
from zmqdev.spec.option import option, section
from zmqdev.spec.value import AddressOrOff, Flag, Text


@dataclass(frozen=True)
class FleetSpec(Logging, Ready):
    """All parts of a file together."""

    name: str | None = option(
        Text(metavar="NAME"),
        help="Name used by ctl for the whole. Default: that of the file.",
        group="Life",
    )
    control: str | None = option(
        AddressOrOff(),
        help="Where the whole answers `zmqdev ctl`. Default: an ipc address of this user.",
        group="Life",
    )
    watch: bool = option(
        Flag(),
        default=False,
        help="Read the files again when they change, as SIGHUP does: changed parts are started "
        "again, the others are left alone.",
        group="Life",
    )
    stats: Stats = section(Stats, help="What is shown of the flow.", shorthand="mode")
