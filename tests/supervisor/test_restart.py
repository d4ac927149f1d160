"""When a part comes back: by policy, status, time and number of tries."""

from __future__ import annotations

import pytest

from zmqdev.options.part_options import Restart
from zmqdev.supervisor.restart import ended_with, verdict, worst


@pytest.mark.parametrize(
    ("policy", "status", "again", "failed"),
    [
        ("on-failure", 0, False, False),
        ("on-failure", 1, True, True),
        ("on-failure", -9, True, True),
        ("on-failure", 2, False, True),
        ("on-failure", 3, False, False),
        ("always", 0, True, False),
        ("always", 3, True, False),
        ("always", 1, True, True),
        ("always", 2, False, True),
        ("no", 0, False, False),
        ("no", 1, False, True),
        ("no", -15, False, True),
    ],
)
def test_the_policy_decides(policy: str, status: int, again: bool, failed: bool) -> None:
    found = verdict(Restart(policy=policy), status, 1.0, 0)
    assert (found.again is not None, found.failed) == (again, failed)


def test_each_new_start_waits_twice_as_long_up_to_the_longest() -> None:
    asked = Restart(delay=0.5, longest_delay=3.0, limit=0)
    tries, waits = 0, []
    for _ in range(5):
        found = verdict(asked, 1, 0.1, tries)
        tries = found.tries
        waits.append(found.again)
    assert waits == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert verdict(asked, 1, 0.1, 10**6).again == 3.0


def test_a_part_is_given_up_after_its_limit() -> None:
    found = verdict(Restart(limit=2), 1, 0.1, 2)
    assert found.again is None
    assert found.failed
    assert found.why == "failed with exit status 1; given up after 2 new starts"


def test_a_long_run_begins_the_count_again() -> None:
    found = verdict(Restart(limit=2, delay=0.1, longest_delay=5.0), 1, 6.0, 2)
    assert (found.again, found.tries) == (0.1, 1)


def test_a_status_is_said_in_words() -> None:
    assert ended_with(-9) == "killed by SIGKILL"
    assert ended_with(-200) == "killed by signal 200"
    assert ended_with(2) == "refused its settings"
    assert ended_with(7) == "failed with exit status 7"


@pytest.mark.parametrize(
    ("statuses", "status"),
    [([], 0), ([0, 0], 0), ([0, 3], 3), ([3, 2], 2), ([2, 1, 3], 1), ([-9, 0], 1), ([77], 1)],
)
def test_the_worst_of_all_is_the_status_of_the_whole(statuses: list[int], status: int) -> None:
    assert worst(statuses) == status
