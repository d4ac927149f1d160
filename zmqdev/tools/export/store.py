"""The file of a reliable queue with a store, or of a streamer's spool: where it is once the part
is exported.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from zmqdev.options.part import Part
from zmqdev.options.store_url import is_url
from zmqdev.options.streamer import StreamerSpec
from zmqdev.tools.export.export import Unit

PLACE = "/var/lib/zmqdev"


def _spools(part: Part) -> bool:
    return isinstance(part.spec, StreamerSpec) and part.spec.spool is not None


def store_of(part: Part) -> str | None:
    """What the file names; None without a store, or with one in a database."""
    if _spools(part):
        spool: str | None = part.spec.spool
        return spool
    store: str | None = part.spec.reliable.store if part.keeps else None
    return None if store is not None and is_url(store) else store


def most_bytes(part: Part) -> int:
    """Room for the file, and for what SQLite writes beside it."""
    size = part.spec.spool_size if _spools(part) else part.spec.reliable.store_size
    return 2 * int(size)


def with_store(unit: Unit, name: str = "queue.db") -> Unit:
    """The same with its store at PLACE."""
    if store_of(unit.part) is None:
        return unit
    if _spools(unit.part):
        return replace(unit, settings=unit.settings | {"spool": f"{PLACE}/{name}"})
    kept: dict[str, Any] = unit.settings["reliable"] | {"store": f"{PLACE}/{name}"}
    return replace(unit, settings=unit.settings | {"reliable": kept})


def own_place(part: Part) -> bool:
    """Whether the file leaves it to where the queue is started."""
    store = store_of(part)
    return store is not None and not Path(store).is_absolute()
