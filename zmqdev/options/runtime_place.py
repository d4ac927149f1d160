"""The directory of this user's local sockets: control sockets, and addresses like `@jobs`.

It is `zmqdev` in $XDG_RUNTIME_DIR, else `zmqdev-UID` in the temporary directory. A
service that systemd starts with `RuntimeDirectory=zmqdev` uses SERVICES, which its
group can read too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

IPC_LONGEST = 107  # sun_path less its final NUL
SUFFIX = ".sock"
# Least length of names that must fit: shorter ones would not tell devices apart.
LEAST_NAME = 16
# systemd lists the directories it has made in $RUNTIME_DIRECTORY, separated by colons.
SERVICES = Path("/run/zmqdev")


def candidates(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the possible directories, the preferred one first.

    Directories too long for the name of a socket are left out.
    """
    import tempfile  # a slow import that most commands do not need

    places = [Path(tempfile.gettempdir()) / f"zmqdev-{os.getuid()}"]
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/"):
        places.insert(0, Path(runtime) / "zmqdev")
    if str(SERVICES) in environ.get("RUNTIME_DIRECTORY", "").split(":"):
        places.insert(0, SERVICES)
    return [place for place in places if room(place) >= LEAST_NAME]


def room(place: Path) -> int:
    """Return the bytes left for a name in `place`."""
    return IPC_LONGEST - len(os.fsencode(place)) - len(SUFFIX) - 1
