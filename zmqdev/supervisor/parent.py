"""Making a process end with the one that started it: a killed `zmqdev run` leaves nothing behind.

On Linux the kernel then sends SIGTERM; elsewhere only an orderly end does. The
process calls it itself, and not a hook between fork and exec: the parent has threads.
"""

from __future__ import annotations

import os
import sys

PR_SET_PDEATHSIG = 1
SIGTERM = 15


def end_with(parent: int) -> None:
    """`parent` is the process id of who started this one. Exits when it has gone already."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
