"""A part of a running file: this program, loaded before its turn has come.

    zmqdev.cli.child PARENT KIND --config FILE

Most of a start is loading modules, and that needs no turn. stdin is a socket of
`zmqdev run`: a byte goes out when all is loaded, and one that comes in means go
on. Its end means that `run` has gone, or wants this part no more.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from zmqdev.supervisor.parent import end_with

# What the commands of a category import once they are called with a file.
NEEDED = {
    "device": ("yaml", "zmqdev.cli.files", "zmqdev.cli.start_device"),
    "endpoint": ("yaml", "zmqdev.cli.files", "zmqdev.cli.start_endpoint"),
}


def main(arguments: Sequence[str]) -> NoReturn:
    parent, *words = arguments
    end_with(int(parent))
    from zmqdev.system import crash

    crash.leave_to_parent()
    load(words[0])
    if not wait_for_turn():
        sys.exit(0)
    from zmqdev.cli.program import run

    sys.exit(run(words))


def load(kind: str) -> None:
    from zmqdev.cli.program import ROWS
    from zmqdev.options.part_options import kinds

    ROWS[kind].load()
    for module in NEEDED[kinds()[kind]]:
        importlib.import_module(module)


def wait_for_turn() -> bool:
    """False when there will be none. Afterwards stdin is empty, as it is for every part."""
    with suppress(OSError):  # who does not listen may have said go before
        os.write(0, b"\n")
    try:
        go = os.read(0, 1)
    except OSError:
        go = b""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return bool(go)


if __name__ == "__main__":
    main(sys.argv[1:])
