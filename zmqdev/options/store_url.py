"""The target of `--store`: a file, or a PostgreSQL database by its URL.

A URL may have a password in it. It is for the client library alone: `without_password` is what
people and logs see, also of a URL that is wrong.
"""

from __future__ import annotations

import re

_SCHEMES = ("postgresql://", "postgres://")
_PASSWORD = re.compile(r"([?&])password=[^&]*&?", re.IGNORECASE)


def is_url(store: str) -> bool:
    return store.startswith(_SCHEMES)


def without_password(store: str) -> str:
    """The same for people to see. A password that was not encoded may have any character in it,
    so all from the first ':' to the last '@' goes."""
    if not is_url(store):
        return store
    scheme, rest = store.split("://", 1)
    user, at, place = rest.rpartition("@")
    place = _PASSWORD.sub(r"\1", place).rstrip("?&")
    return f"{scheme}://{user.split(':', 1)[0]}{at}{place}"


def has_password(store: str) -> bool:
    return without_password(store) != store.rstrip("?&")
