"""The options of a whole file: keys beside `parts:`, and the flags of `zmqdev run`."""

from __future__ import annotations

from dataclasses import dataclass

from zmqdev.options.common import STATS_MODES, Logging, Ready, Stats
from zmqdev.options.control_keys import ControlKeys
from zmqdev.options.measures import Duration
from zmqdev.options.option import option, section
from zmqdev.options.places import AddressOrOff, HostPort
from zmqdev.options.types import Choice, Flag, Text


@dataclass(frozen=True)
class FleetStats(Stats):
    """Statistics of all parts. Default mode: live on a terminal, off elsewhere.

    Elsewhere the output of the parts is what the user wants to see.
    """

    mode: str | None = option(
        Choice(choices=STATS_MODES),
        flag="--stats",
        help="Show statistics of all parts: a live table on stderr, or lines or JSON on stdout. "
        "Default: live on a terminal, off elsewhere, and when stdout is a pipe.",
        group="Statistics",
    )
    interval: float | None = option(
        Duration(positive=True),
        default=1.0,
        flag="--interval",
        help="Time between two statistics lines.",
        group="Statistics",
    )


@dataclass(frozen=True)
class FleetSpec(ControlKeys, Logging, Ready):
    """The settings of all parts together."""

    name: str | None = option(
        Text(metavar="NAME"),
        help="Name of `run` for ctl. Default: the name of the file.",
        group="Life",
    )
    control: str | None = option(
        AddressOrOff(),
        help="Address where `run` answers `zmqdev ctl`. Default: an ipc address of this user.",
        group="Life",
    )
    metrics: str | None = option(
        HostPort(),
        help="Serve Prometheus metrics of all parts, /healthz, /readyz and a page for the browser "
        "there; needs zmqdev[metrics].",
        group="Life",
    )
    watch: bool = option(
        Flag(),
        default=False,
        help="Read the files again when they or the keys they name change, as SIGHUP does: "
        "changed parts are restarted, the others continue.",
        group="Life",
    )
    until: str | None = option(
        Text(metavar="NAME"),
        help="End all parts when this part has ended, with its exit status.",
        group="Life",
    )
    stats: FleetStats = section(FleetStats, help="What is shown of the flow.", shorthand="mode")
