"""The target of `--store`: a file, or a PostgreSQL database by its URL.

A URL may contain a password, which only the client library may see. People and logs get
`without_password`, also of a malformed URL.
"""

from __future__ import annotations

import re

_SCHEMES = ("postgresql://", "postgres://")
_PASSWORD = re.compile(r"([?&])password=[^&]*&?", re.IGNORECASE)


def is_url(store: str) -> bool:
    """Whether a store is the URL of a database."""
    return store.startswith(_SCHEMES)


def without_password(store: str) -> str:
    """Return the URL without its password.

    An unencoded password may contain any character, so everything from the first ':' to
    the last '@' is removed.
    """
    if not is_url(store):
        return store
    scheme, rest = store.split("://", 1)
    user, at, place = rest.rpartition("@")
    place = _PASSWORD.sub(r"\1", place).rstrip("?&")
    return f"{scheme}://{user.split(':', 1)[0]}{at}{place}"


def has_password(store: str) -> bool:
    """Whether a URL contains a password."""
    return without_password(store) != store.rstrip("?&")


def secret_of(store: str) -> str:
    """The part of a URL that has the password in it, "" when none has."""
    user = store.split("://", 1)[-1].rpartition("@")[0]
    if is_url(store) and ":" in user:
        return user
    named = _PASSWORD.search(store) if is_url(store) else None
    return named[0].strip("?&") if named else ""
