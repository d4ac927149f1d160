"""The sort keys of `zmqdev top`: for its table, and for its help, which loads nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zmqdev.tools.top.view import Item

# What a table can be sorted by, in the order of its columns. Numbers begin with the largest.
SORTS: dict[str, Callable[[Item], str | float]] = {
    "name": lambda item: item.name,
    "state": lambda item: item.state,
    "msg/s": lambda item: item.rate("messages"),
    "bytes/s": lambda item: item.rate("bytes"),
    "messages": lambda item: item.total("messages"),
    "bytes": lambda item: item.total("bytes"),
    "blocked": lambda item: item.rate("blocked"),
    "drops": lambda item: item.drops,
    "peers": lambda item: item.peers,
    "failed": lambda item: item.failed,
    "queued": lambda item: item.queued or 0,
}
UPWARDS = frozenset({"name", "state"})
