"""What one life of a program tells the next. Pure: the environment and the time are arguments."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.system.crash import ENDED_BY, FIRST, KNOWN, LONGEST, WELL, Life, life_of


def told(**values: object) -> dict[str, str]:
    known = {"began": 1.0, "started": 5.0, "restarts": 0, "tries": 0, "bound": {}, **values}
    return {KNOWN: json.dumps(known), ENDED_BY: "06"}


def test_the_first_life_knows_nothing() -> None:
    life = life_of({}, 9.0)
    assert (life.began, life.restarts, life.cause, life.pause) == (9.0, 0, "", 0.0)
    assert life.remaining(5.0) == 5.0
    assert life.remaining(None) is None


def test_the_next_one_begins_at_once_and_knows_why() -> None:
    life = life_of(told(bound={"frontend tcp://*:*": ["tcp://0.0.0.0:99"]}), 6.0)
    assert (life.began, life.restarts, life.cause, life.pause) == (1.0, 1, "SIGABRT", 0.0)
    assert life.before == {"frontend tcp://*:*": ["tcp://0.0.0.0:99"]}
    assert "SIGABRT" in life.words()


def test_each_in_a_row_waits_twice_as_long() -> None:
    pauses = [Life(0.0, 0.0, restarts=n, tries=n).pause for n in range(1, 60)]
    assert pauses[:4] == [0.0, FIRST, 2 * FIRST, 4 * FIRST]
    assert max(pauses) == pauses[-1] == LONGEST


def test_a_long_life_begins_the_count_anew() -> None:
    assert life_of(told(tries=7, restarts=7), 5.0 + WELL - 1).tries == 8
    life = life_of(told(tries=7, restarts=7), 5.0 + WELL)
    assert (life.tries, life.restarts, life.pause) == (1, 8, 0.0)


def test_a_duration_goes_on_and_never_ends_before_it_began() -> None:
    now = time.monotonic()
    assert Life(now - 7, now, restarts=1).remaining(10.0) == pytest.approx(3.0, abs=0.5)
    assert Life(now - 70, now, restarts=1).remaining(10.0) == 0.001


@given(st.text(), st.text())
def test_whatever_is_in_the_environment_a_life_begins(known: str, number: str) -> None:
    assert life_of({KNOWN: known, ENDED_BY: number}, 3.0).pause <= LONGEST


@given(
    st.dictionaries(
        st.sampled_from(["began", "started", "restarts", "tries", "bound"]),
        st.none() | st.integers() | st.text() | st.lists(st.integers()),
    )
)
def test_whatever_is_said_of_a_life_another_begins(values: dict[str, object]) -> None:
    assert life_of(told(**values), 3.0).pause <= LONGEST
