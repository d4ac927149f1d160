"""The file of a reliable queue's store or a streamer's spool, and its place after an export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from zmqdev.options.part import Part
from zmqdev.options.store_url import is_url
from zmqdev.options.streamer import StreamerSpec
from zmqdev.tools.export.export import Unit

PLACE = "/var/lib/zmqdev"


def _spooling(part: Part) -> StreamerSpec | None:
    """The settings of a streamer with a spool."""
    found = part.spec if isinstance(part.spec, StreamerSpec) else None
    return found if found is not None and found.spool is not None else None


def store_of(part: Part) -> str | None:
    """Return the path in the part's settings; None without a store, or with a database."""
    spooling, keeping = _spooling(part), part.keeping
    if spooling is not None:
        return spooling.spool
    store = keeping.reliable.store if keeping is not None else None
    return None if store is not None and is_url(store) else store


def most_bytes(part: Part) -> int:
    """Return the bytes to reserve for the file of `store_of`, and for what SQLite adds."""
    spooling, keeping = _spooling(part), part.keeping
    if spooling is not None:
        return 2 * spooling.spool_size
    assert keeping is not None
    return 2 * keeping.reliable.store_size


def with_store(unit: Unit, name: str = "queue.db") -> Unit:
    """Return the unit with its store at PLACE."""
    if store_of(unit.part) is None:
        return unit
    if _spooling(unit.part) is not None:
        return replace(unit, settings=unit.settings | {"spool": f"{PLACE}/{name}"})
    kept: dict[str, Any] = unit.settings["reliable"] | {"store": f"{PLACE}/{name}"}
    return replace(unit, settings=unit.settings | {"reliable": kept})


def own_place(part: Part) -> bool:
    """Whether the path is relative, and so depends on where the queue is started."""
    store = store_of(part)
    return store is not None and not Path(store).is_absolute()
