"""The errors of a PostgreSQL store: their meaning for the queue, and their text for the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from zmqdev.errors import RunError

# The beginnings of error codes of a database that is shutting down, starting, out of connections,
# or failed over, or whose passwords have changed.
_PASSES = ("08", "57P", "53", "25006", "28", "3D", "55P")
_DISK_FULL = "53100"
# Beginnings of the codes for a deadlock, and a cancelled statement.
_AGAIN = ("40", "57014")
_PERMISSION = "42501"
_LIBPQ_ASKS = "Is the server running"
_HINTS = {
    "password authentication failed": "give the password in PGPASSFILE, or in a file as ${NAME}",
    "no password supplied": "give the password in PGPASSFILE, or in a file as ${NAME}",
    "could not translate host name": "check the host in the URL",
    "resolve host": "check the host in the URL",
    "Connection refused": "is PostgreSQL started there?",
    "No such file or directory": "is PostgreSQL started here? a host in the URL asks by TCP",
    "timeout expired": "check the host, and what stands between",
    "role": "make it with createuser",
    "database": "make it with createdb",
    "read-only": "name the primary, or all hosts",
}


class DatabaseAway(Exception):
    """The database cannot be reached now.

    The group that was being written may have been written.
    """


class DatabaseFull(Exception):
    """The disk of the database is full. Nothing was written."""


class RunTaken(Exception):
    """Another queue holds this run, or its row is gone. Nothing was written."""


@contextmanager
def meaning(name: str) -> Iterator[None]:
    """Raise errors of psycopg as those of this module. `name` is the store's, for messages."""
    try:
        yield
    except psycopg.Error as error:
        raise meaning_of(error, name) from error


def meaning_of(error: psycopg.Error, name: str) -> Exception:
    """Return the exception of this module for an error of psycopg. `name` is the store's."""
    state = error.sqlstate or ""
    words = in_words(error)
    if state == _DISK_FULL:
        return DatabaseFull(words)
    if not state or state.startswith((*_PASSES, *_AGAIN)):
        return DatabaseAway(words)
    return RunError(f"store {name}: {words}")


def in_words(error: psycopg.Error) -> str:
    """Return an error as one line, with the fix if it is known."""
    lines = [line.strip() for line in str(error).splitlines()]
    parts = [line for line in lines if line and not line.startswith(_LIBPQ_ASKS)]
    text = "; ".join(dict.fromkeys(part.removeprefix("connection failed: ") for part in parts))
    if error.sqlstate == _PERMISSION:
        return f"{text}; give its user the right: grant create on database … to …"
    hint = next((fix for words, fix in _HINTS.items() if words in text), "")
    return f"{text}; {hint}" if hint else text
