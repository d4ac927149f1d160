"""Started as a script: make this process end with its parent, then become what follows.

    python leash.py PARENT PROGRAM ARGUMENT...

A killed `zmqdev run` must leave nothing behind. On Linux the kernel then sends
SIGTERM (PR_SET_PDEATHSIG survives execve); elsewhere only an orderly end does.
A script of its own, and not a hook between fork and exec: the parent has threads.
"""

from __future__ import annotations

import os
import sys

PR_SET_PDEATHSIG = 1
SIGTERM = 15


def main(arguments: list[str]) -> None:
    parent, program = int(arguments[0]), arguments[1]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)  # it has gone already
    os.execv(program, arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
