"""How many may come: the limits that devices and endpoints both have."""

from __future__ import annotations

from dataclasses import dataclass

from zmqdev.options.option import option
from zmqdev.options.types import Integer


@dataclass(frozen=True)
class Crowd:
    """Connections of one socket that binds."""

    connections: int = option(
        Integer(0),
        default=4096,
        help="Most connections of a side that binds; 0 is no limit.",
        group="Limits",
    )
    connections_per_address: int = option(
        Integer(0),
        default=1024,
        help="Most connections from one address; 0 is no limit.",
        group="Limits",
    )
