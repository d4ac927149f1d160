"""Let a process end with the one that started it, so that a killed `zmqdev run` leaves none.

On Linux the kernel then sends SIGTERM; elsewhere only an orderly end of `run` ends its
parts. The process makes this call itself: a hook between fork and exec would be unsafe,
since the parent has threads.
"""

from __future__ import annotations

import os
import sys

PR_SET_PDEATHSIG = 1
SIGTERM = 15


def end_with(parent: int) -> None:
    """End with the process `parent`, which started this one; exit if it has gone already."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
