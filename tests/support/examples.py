"""How many cases a property test tries: in `make test` three tenths of what it names, in
`make soak` ten times as many."""

from __future__ import annotations

import os

TIMES = float(os.environ.get("ZMQDEV_EXAMPLES", "0.3"))


def examples(number: int) -> int:
    return max(15, round(number * TIMES))
