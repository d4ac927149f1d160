"""The PostgreSQL database of reliable queues whose store is a URL.

When the URL's host has no dot, or there is none, the export adds a service with
PostgreSQL and a volume. Any other host is a database that exists already. No settings
file holds the password: queues and database get it from the engine as PGPASSWORD.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from zmqdev.options.part import Part
from zmqdev.options.store_url import is_url, without_password
from zmqdev.tools.export.export import Unit, label

IMAGE = "postgres:17"
DATA = "/var/lib/postgresql/data"
PORT = 5432
USER = 999  # of that image
_LOOPBACK = ("", "localhost", "127.0.0.1")


@dataclass(frozen=True)
class StoreDatabase:
    """A database to export. `name` is its service; `password` is empty where the file has none."""

    name: str
    user: str
    database: str
    password: str

    @property
    def variables(self) -> dict[str, str]:
        """Return the variables of the image, except for the password."""
        return {
            "POSTGRES_USER": self.user,
            "POSTGRES_DB": self.database,
            "PGDATA": f"{DATA}/data",
        }

    @property
    def ready(self) -> list[str]:
        """Return the command that tests whether the database accepts connections."""
        return ["pg_isready", "-U", self.user, "-d", self.database]


def _url_of(part: Part) -> str | None:
    store = part.keeping.reliable.store if part.keeping is not None else None
    return store if store is not None and is_url(store) else None


def has_database(part: Part) -> bool:
    """Whether the store of the part is a database."""
    return _url_of(part) is not None


def _split(url: str) -> SplitResult:
    return urlsplit(url.replace("postgres://", "postgresql://", 1))


def _database_of(part: Part) -> StoreDatabase | None:
    """Return the database that the export adds; None without one, or for an existing one."""
    url = _url_of(part)
    if url is None:
        return None
    found = _split(url)
    place = found.netloc.rpartition("@")[2]
    host = place.partition(":")[0]
    if "." in host.replace("127.0.0.1", "") or "," in place or "/" in host or "[" in host:
        return None
    name = "postgres" if host in _LOOPBACK else label(host)
    user = unquote(found.username or "postgres")
    return StoreDatabase(name, user, found.path.strip("/") or user, unquote(found.password or ""))


def databases(units: Sequence[Unit]) -> list[tuple[StoreDatabase, list[Unit]]]:
    """Return each database to add, with the units that use it."""
    found: dict[str, tuple[StoreDatabase, list[Unit]]] = {}
    for unit in units:
        database = _database_of(unit.part)
        if database is not None:
            found.setdefault(database.name, (database, []))[1].append(unit)
    return list(found.values())


def without_secret(unit: Unit) -> Unit:
    """Return the unit without a password in its settings."""
    url = _url_of(unit.part)
    return unit if url is None else _stored_at(unit, without_password(url))


def _stored_at(unit: Unit, store: str) -> Unit:
    kept: dict[str, Any] = unit.settings["reliable"] | {"store": store}
    return replace(unit, settings=unit.settings | {"reliable": kept})


def with_database(unit: Unit) -> Unit:
    """Return the unit with the address of the exported database, and without a password."""
    url = _url_of(unit.part)
    if url is None:
        return unit
    database = _database_of(unit.part)
    shown = without_password(url)
    if database is not None:
        found = _split(shown)
        user = f"{found.username}@" if found.username else f"{database.user}@"
        query = f"?{found.query}" if found.query else ""
        shown = f"postgresql://{user}{database.name}:{PORT}/{database.database}{query}"
    return _stored_at(unit, shown)


def notes(units: Sequence[Unit], how: str) -> Iterator[str]:
    """Tell the user where to put the password, and what the image needs."""
    using = [unit for unit in units if has_database(unit.part)]
    if using:
        yield f"{using[0].called}: the image needs the extra postgres; give PGPASSWORD {how}"
