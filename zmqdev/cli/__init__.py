"""The command line: flags to settings to one call. The only place that imports click."""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # without `typing`, which takes longer to load than all that is here
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """The `zmqdev` program. Ctrl-C while it loads ends it: nothing has begun yet.

    The handler is installed explicitly, since a background job of a script starts with SIGINT
    ignored.
    """
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    from zmqdev.cli.program import run
    from zmqdev.system.stdio import guard

    guard()
    sys.exit(run(sys.argv[1:]))
