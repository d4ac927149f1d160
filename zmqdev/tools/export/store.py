"""The file of a reliable queue with a store: where it is once the queue is exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from zmqdev.options.part import Part
from zmqdev.tools.export.export import Unit

PLACE = "/var/lib/zmqdev"


def store_of(part: Part) -> str | None:
    """What the file names; None without a store."""
    return part.spec.reliable.store if part.keeps else None


def most_bytes(part: Part) -> int:
    """Room for the store, and for what SQLite writes beside it."""
    return 2 * int(part.spec.reliable.store_size)


def with_store(unit: Unit, name: str = "queue.db") -> Unit:
    """The same with its store at PLACE."""
    if store_of(unit.part) is None:
        return unit
    kept: dict[str, Any] = unit.settings["reliable"] | {"store": f"{PLACE}/{name}"}
    return replace(unit, settings=unit.settings | {"reliable": kept})


def own_place(part: Part) -> bool:
    """Whether the file leaves it to where the queue is started."""
    store = store_of(part)
    return store is not None and not Path(store).is_absolute()
