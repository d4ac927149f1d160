"""The restart policy of a part. Pure: the time is an argument.

- A part that was stopped on purpose does not come back.
- Wrong settings (exit status 2) do not get better: given up at once.
- `on-failure`: after a crash; exit status 0 is an end, 3 an expectation not met.
- `always`: after any other end.
- Each new start in a row waits twice as long; a run longer than the longest
  delay is a success and the count begins again.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass

from zmqdev.errors import EXIT_OK, EXIT_UNMET, EXIT_USAGE
from zmqdev.options.part_options import Restart


@dataclass(frozen=True)
class RestartVerdict:
    """`again`: seconds until the next start, None for none. `failed`: it ended badly."""

    again: float | None
    failed: bool
    tries: int
    why: str


def verdict(asked: Restart, status: int, ran: float, tries: int) -> RestartVerdict:
    """What becomes of a part that ended with `status` after `ran` seconds, its `tries` so far.

    A status below zero is a signal, as in subprocess.
    """
    why = ended_with(status)
    tries = 0 if ran >= asked.longest_delay else tries
    ended_well = status in (EXIT_OK, EXIT_UNMET)
    if asked.policy == "no" or status == EXIT_USAGE or (ended_well and asked.policy != "always"):
        return RestartVerdict(None, status not in (EXIT_OK, EXIT_UNMET), tries, why)
    if asked.limit and tries >= asked.limit:
        return RestartVerdict(
            None, not ended_well, tries, f"{why}; given up after {tries} new starts"
        )
    # 2**1000 is no float that anything could wait for.
    delay = min(asked.longest_delay, asked.delay * 2 ** min(tries, 30))
    return RestartVerdict(delay, not ended_well, tries + 1, why)


def ended_with(status: int) -> str:
    """An exit status in words."""
    if status < 0:
        try:
            return f"killed by {signal.Signals(-status).name}"
        except ValueError:
            return f"killed by signal {-status}"
    words = {
        EXIT_OK: "ended",
        EXIT_USAGE: "refused its settings",
        EXIT_UNMET: "expectation not met",
    }
    return words.get(status, f"failed with exit status {status}")


def worst(statuses: list[int]) -> int:
    """The exit status of the whole: a failure before wrong settings before an unmet expectation."""
    order = (1, EXIT_USAGE, EXIT_UNMET)
    plain = [1 if status < 0 or status not in (EXIT_OK, *order) else status for status in statuses]
    return next((status for status in order if status in plain), EXIT_OK)
