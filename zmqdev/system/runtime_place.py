"""The directory of local sockets, made when it is needed.

It must have mode 0700 and belong to this user, because in /tmp another user may have
made it first. systemd makes that of services, which its group may read; only root can
write in /run.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from zmqdev.errors import RunError
from zmqdev.options import runtime_place
from zmqdev.options.runtime_place import candidates


def prepare(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the directory, made if needed; RunError says why there is none."""
    problems = []
    for place in candidates(environ):
        try:
            place.mkdir(mode=0o700, exist_ok=True)
            check_ours(place)
        except OSError as error:
            problems.append(f"{place}: {error.strerror or error}")
        else:
            return place
    raise RunError("; ".join(problems) or "every possible path is too long")


def check_ours(place: Path) -> None:
    """Raise OSError when it is another user's, or not a directory that can be written."""
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(0, "is not a directory")
    if found.st_uid != os.getuid():
        raise PermissionError(0, "belongs to another user")
    if stat.S_IMODE(found.st_mode) & (0o027 if shared(place) else 0o077):
        place.chmod(0o700)
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(0, "is not writable")


def shared(place: Path) -> bool:
    """Whether it is the directory of services, which their group shares."""
    return place == runtime_place.SERVICES


def readable(place: Path) -> bool:
    """Whether this user may list the services in it."""
    try:
        found = place.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and os.access(place, os.R_OK | os.X_OK)
