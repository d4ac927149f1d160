"""The interface of a reliable queue's store. `Journal` decides what is written.

A store writes one group at a time, in its own thread. `write` returns at once, and the descriptor
becomes readable when the group is settled. All methods are called from one thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from zmqdev.broker.record import Dead, Group, Kept, Settled
from zmqdev.errors import RunError
from zmqdev.options.reliable import Reliable
from zmqdev.options.store_url import is_url, without_password


class Store(Protocol):
    """A store.

    `name` is the store as users know it, without a password. RunError says why the store cannot
    continue.
    """

    name: str

    @property
    def descriptor(self) -> int:
        """Return a descriptor that is readable when `settled` has news."""

    @property
    def idle(self) -> bool:
        """Whether a group may be written."""

    def recover(self) -> Iterable[Kept]:
        """Return the requests of an earlier run, oldest first.

        Call it once, before the first group.
        """

    @property
    def first_key(self) -> int:
        """Return the first free key, after `recover`."""

    @property
    def damaged(self) -> tuple[Dead, ...]:
        """Return requests that `recover` could not read; the store has made dead letters of
        them."""

    def write(self, group: Group) -> None:
        """Begin to write a group. The store must be idle."""

    def settled(self) -> Settled | None:
        """Return the outcome of the last group, once, or news without a group; otherwise None."""

    def close(self) -> None:
        """Close the store, after the last group was settled."""


def open_store(settings: Reliable) -> Store | None:
    """Open the configured store; return None without one. RunError when it cannot be opened."""
    if settings.store is None:
        return None
    if is_url(settings.store):
        return _postgres(settings.store, settings.lease)
    from zmqdev.broker.store_sqlite import SqliteStore

    return SqliteStore(settings.store, settings.store_size)


def _postgres(url: str, lease: float) -> Store:
    try:
        from zmqdev.broker.store_postgres import PostgresStore
    except ImportError:
        raise needs_psycopg(url) from None
    return PostgresStore(url, lease)


def needs_psycopg(url: str) -> RunError:
    """Return the error for a store that needs psycopg."""
    return RunError(
        f"store {without_password(url)}: needs psycopg; install it: pip install 'zmqdev[postgres]'"
    )
