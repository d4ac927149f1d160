"""The sort keys of `zmqdev top`, apart from its table so that `--help` loads nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zmqdev.tools.top.view import Item

# Name -> sort key, in the order of the columns. Numbers sort with the largest first.
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
