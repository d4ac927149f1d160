"""The directory of this user's local sockets: control sockets, and addresses like `@jobs`.

It is `zmqdev` below $XDG_RUNTIME_DIR, else `zmqdev-UID` below the temporary directory. What
systemd starts with `RuntimeDirectory=zmqdev` has it in SERVICES, which its group may read too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

IPC_LONGEST = 107  # sun_path less its final NUL
SUFFIX = ".sock"
# Room that a name needs: shorter ones tell devices apart no longer.
LEAST_NAME = 16
# systemd names in $RUNTIME_DIRECTORY the directories it has made, with a colon between two.
SERVICES = Path("/run/zmqdev")


def candidates(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Where the directory may be, the better place first. A place too long for a socket is left
    out."""
    import tempfile  # with much behind it that most commands do not need

    places = [Path(tempfile.gettempdir()) / f"zmqdev-{os.getuid()}"]
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/"):
        places.insert(0, Path(runtime) / "zmqdev")
    if str(SERVICES) in environ.get("RUNTIME_DIRECTORY", "").split(":"):
        places.insert(0, SERVICES)
    return [place for place in places if room(place) >= LEAST_NAME]


def room(place: Path) -> int:
    """Bytes left for a name below `place`."""
    return IPC_LONGEST - len(os.fsencode(place)) - len(SUFFIX) - 1
