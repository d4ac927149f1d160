"""Checks of the security settings of a side."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from zmqdev.errors import UsageError
from zmqdev.options.layer import Written
from zmqdev.options.security import AT_FILE, Security
from zmqdev.options.sockopt import LEAST_MAXMSGSIZE


@dataclass(frozen=True)
class _Belongs:
    """The mechanism and role that an option belongs to; None: any."""

    mechanism: str | None
    role: str | None
    value: Callable[[Security], object]


_BELONGS = {
    "curve_key": _Belongs("curve", None, lambda side: side.curve_key),
    "curve_secret": _Belongs("curve", None, lambda side: side.curve_secret),
    "server_key": _Belongs("curve", "client", lambda side: side.server_key),
    "authorized_keys": _Belongs("curve", "server", lambda side: side.authorized_keys),
    "curve_allow_any": _Belongs("curve", "server", lambda side: side.curve_allow_any),
    "plain_users": _Belongs("plain", "server", lambda side: side.plain_users),
    "plain_username": _Belongs("plain", "client", lambda side: side.plain_username),
    "plain_password": _Belongs("plain", "client", lambda side: side.plain_password),
    "allow": _Belongs(None, "server", lambda side: side.allow),
    "deny": _Belongs(None, "server", lambda side: side.deny),
}
"""By the field name of the option."""
_SECRETS = ("curve_secret", "plain_password")
# One key in 85 begins with the sign of @FILE; these are the characters of Z85
# (wire/z85.py).
_AT_KEY = re.compile(r"@[0-9A-Za-z.:+=^!/*?&<>()\[\]{}@%$#-]{39}")
_ROLE_VERB = {"server": "binds", "client": "connects"}


def role(side: Security) -> str:
    """Return `server` for a side that binds, `client` for one that only connects."""
    return "server" if side.binds else "client"


def mechanism(side: Security) -> str:
    """Return null, plain or curve: as configured, or as the other options imply."""
    if side.security:
        return side.security
    for row in _BELONGS.values():
        if row.mechanism and row.value(side):
            return row.mechanism
    return "null"


def check(side: Security, written: Written, above: str = "") -> None:
    """Refuse contradictions and missing options. `above` is `frontend.`, `backend.` or ""."""
    found = mechanism(side)
    _check_frames(side, found, written, above)
    for name, row in _BELONGS.items():
        if row.value(side):
            _check_belongs(side, name, found, written, above)
    if found == "null":
        return
    if side.binds and side.connects:
        raise UsageError(
            f"{above}security: a side with {found.upper()} binds or connects, not both: "
            "the one makes it the server of the handshake, the other the client",
            _place(written, above, "security", "connect", "bind"),
        )
    _check_complete(side, found, written, above)


def _check_frames(side: Security, found: str, written: Written, above: str) -> None:
    """Refuse a limit of the frame size that no handshake could satisfy."""
    limit, least = side.largest_frame, LEAST_MAXMSGSIZE[found]
    if 0 <= limit < least:
        raise UsageError(
            f"{above}maxmsgsize: {limit} is below the frames of a {found.upper()} handshake, so no "
            f"peer could connect; the least is {least}",
            _place(written, above, "maxmsgsize"),
        )


def _place(written: Written, above: str, *names: str) -> str | None:
    return written.place(*(above + name.replace("_", "-") for name in names))


def _check_belongs(side: Security, name: str, found: str, written: Written, above: str) -> None:
    row = _BELONGS[name]
    key, place = above + name.replace("_", "-"), _place(written, above, name)
    if row.mechanism and row.mechanism != found:
        belongs = row.mechanism.upper()
        raise UsageError(f"{key}: belongs to {belongs}, not to {found.upper()}", place)
    if row.role and row.role != role(side):
        wanted, is_ = _ROLE_VERB[row.role], _ROLE_VERB[role(side)]
        raise UsageError(f"{key}: is for a side that {wanted}; this one {is_}", place)
    by_flag = place is not None and place.startswith("--")
    if name in _SECRETS and by_flag:
        _check_hidden(name, str(row.value(side)), key, place)


def _check_hidden(name: str, value: str, key: str, place: str | None) -> None:
    """Refuse a secret that the list of processes would show."""
    looks_like_a_key = name == "curve_secret" and _AT_KEY.fullmatch(value)
    if value.startswith(AT_FILE) and not looks_like_a_key:
        return
    told = (
        f"{key}: every user of this machine can read it here; write @FILE, "
        "or set the environment variable"
    )
    if looks_like_a_key:
        told += "; the path of a file that looks like a key goes after @./ or @/./"
    raise UsageError(told, place)


def _check_complete(side: Security, found: str, written: Written, above: str) -> None:
    missing = _missing(side, found)
    if missing:
        rows = [(name, row) for name, row in _BELONGS.items() if row.mechanism == found]
        given = [name for name, row in rows if row.value(side)]
        place = _place(written, above, "security", *given)
        raise UsageError(f"{above}{found}: {missing}", place)
    if side.curve_key and side.curve_secret:
        raise UsageError(
            f"{above}curve-key and curve-secret mean the same; leave one out",
            _place(written, above, "curve_secret"),
        )
    if side.authorized_keys and side.curve_allow_any:
        raise UsageError(
            f"{above}curve-allow-any overrides authorized-keys; leave one out",
            _place(written, above, "curve_allow_any"),
        )


def _missing(side: Security, found: str) -> str | None:
    """Return what a mechanism needs in this role and lacks, as text; None when complete."""
    if found == "curve" and role(side) == "server":
        if not (side.curve_key or side.curve_secret):
            return "a side that binds needs its own key: curve-key FILE"
        if not (side.authorized_keys or side.curve_allow_any):
            return (
                "list the allowed clients with authorized-keys DIR, "
                "or set curve-allow-any to accept any key"
            )
    elif found == "curve":
        return None if side.server_key else "a side that connects needs server-key"
    elif role(side) == "server":
        return None if side.plain_users else "a side that binds needs plain-users FILE"
    elif not (side.plain_username and side.plain_password):
        return "a side that connects needs plain-username and plain-password"
    return None
