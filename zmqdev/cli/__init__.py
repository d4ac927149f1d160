"""What a person types: flags to spec to one call. The only place that imports click."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """The `zmqdev` program."""
    from zmqdev.cli.program import run
    from zmqdev.cli.streams import guard

    guard()
    sys.exit(run(sys.argv[1:]))
