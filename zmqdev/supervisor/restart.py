"""The restart policy of a part, without I/O.

- A part that was stopped on purpose does not restart.
- Wrong settings (exit status 2) do not improve: the part is given up at once.
- `on-failure` restarts after a crash; exit status 0 is a normal end, 3 an unmet
  expectation.
- `always` restarts after any other end.
- Each restart in a row waits twice as long. A run longer than the longest delay counts
  as a success and resets the delay.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass

from zmqdev.errors import EXIT_OK, EXIT_UNMET, EXIT_USAGE
from zmqdev.options.part_options import Restart


@dataclass(frozen=True)
class RestartVerdict:
    """What happens next. `again` is the seconds until the restart, None for none;
    `failed`: it ended badly."""

    again: float | None
    failed: bool
    tries: int
    why: str


def verdict(asked: Restart, status: int, ran: float, tries: int) -> RestartVerdict:
    """Decide about a part that ended with `status` after `ran` seconds and `tries` restarts.

    A negative status is a signal, as in subprocess.
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
    # The exponent is bounded: 2**1000 would overflow a float.
    delay = min(asked.longest_delay, asked.delay * 2 ** min(tries, 30))
    return RestartVerdict(delay, not ended_well, tries + 1, why)


def ended_with(status: int) -> str:
    """Return an exit status in words."""
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
    """Return the status of the whole: failures before wrong settings before unmet expectations."""
    order = (1, EXIT_USAGE, EXIT_UNMET)
    plain = [1 if status < 0 or status not in (EXIT_OK, *order) else status for status in statuses]
    return next((status for status in order if status in plain), EXIT_OK)
