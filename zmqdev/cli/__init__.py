"""The command line: it turns flags into settings and makes one call. Only commands import click."""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # importing `typing` would take longer than all of this module
if TYPE_CHECKING:
    from typing import NoReturn


# The first process of a container: the system drops signals that it has no handler for.
FIRST_PROCESS = 1


def main() -> NoReturn:
    """Run the `zmqdev` program.

    Ctrl-C while modules are loaded ends it at once, because nothing has begun yet. The
    handler is installed explicitly, since a background job of a script starts with
    SIGINT ignored, and the first process of a container does not get a SIGTERM that it has
    no handler for.
    """
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    if os.getpid() == FIRST_PROCESS:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    from zmqdev.cli.program import run
    from zmqdev.system.stdio import guard

    guard()
    sys.exit(run(sys.argv[1:]))
