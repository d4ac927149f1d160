"""Options of every running command: log, statistics, ready file, number of connections."""

from __future__ import annotations

from dataclasses import dataclass

from zmqdev.options.measures import Duration
from zmqdev.options.option import option
from zmqdev.options.types import Choice, Count, Flag, Integer, Text

STATS_MODES = ("live", "line", "json", "off")
# Seconds between two statistics lines: when they are asked for, and in files that grow.
INTERVAL, UNASKED = 1.0, 60.0


@dataclass(frozen=True)
class Logging:
    """Options of the log on stderr."""

    quiet: bool = option(
        Flag(), default=False, short="q", help="Log errors only.", group="Messages"
    )
    verbose: int = option(
        Count(),
        default=0,
        short="v",
        help="Log more on stderr: -v peers, -vv settings, -vvv everything.",
        group="Messages",
    )
    log_format: str = option(
        Choice(choices=("text", "json")),
        default="text",
        help="Format of the log lines on stderr.",
        group="Messages",
    )


@dataclass(frozen=True)
class Stats:
    """Statistics of a device. Default mode: live on a terminal, lines elsewhere."""

    mode: str | None = option(
        Choice(choices=STATS_MODES),
        flag="--stats",
        help="Show statistics: a live panel on stderr, or lines or JSON on stdout. Default: live "
        "on a terminal, line elsewhere.",
        group="Statistics",
    )
    interval: float | None = option(
        Duration(positive=True),
        flag="--interval",
        help="Time between two statistics lines. Default: 1s, or 1m without --stats and without a "
        "terminal.",
        group="Statistics",
    )


@dataclass(frozen=True)
class EndpointStats(Stats):
    """Statistics of an endpoint, on stderr because stdout carries messages. Default mode: off."""

    mode: str | None = option(
        Choice(choices=STATS_MODES),
        flag="--stats",
        help="Show statistics on stderr: live, as lines or as JSON. Default: off.",
        group="Statistics",
    )
    interval: float | None = option(
        Duration(positive=True),
        default=1.0,
        flag="--stats-interval",
        help="Time between two statistics lines.",
        group="Statistics",
    )


# Affinity is a mask of 64 bits, one for each I/O thread.
MOST_IO_THREADS = 64


@dataclass(frozen=True)
class Threads:
    """Threads of libzmq in the process."""

    io_threads: int = option(
        Integer(1, MOST_IO_THREADS),
        default=1,
        help="I/O threads of libzmq; more than one helps with many busy connections.",
        group="Data path",
    )


@dataclass(frozen=True)
class Ready:
    """How scripts learn that everything is bound, and how long it runs."""

    ready_file: str | None = option(
        Text(metavar="FILE", any_bytes=True),
        help="Write the bound addresses to this file once everything is bound.",
        group="Life",
    )
    duration: float | None = option(
        Duration(positive=True), help="End by itself after this time.", group="Life"
    )


@dataclass(frozen=True)
class Crowd:
    """Limits of the connections of a socket that binds."""

    connections: int = option(
        Integer(0),
        default=4096,
        help="Maximum connections of a side that binds; 0: unlimited.",
        group="Limits",
    )
    connections_per_address: int = option(
        Integer(0),
        default=1024,
        help="Maximum connections from one address; 0: unlimited.",
        group="Limits",
    )
