"""What stands for the client in a worker's request: text that survives any string type."""

from __future__ import annotations

import os

import pytest

from zmqdev.broker.token import RUN, Tokens

NUMBERS = (0, 1, 15, 16, 20_000, (1 << 48) - 1)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("run", [b"\0" * RUN, b"\xff" * RUN, b"", b"a run"])
def test_a_token_is_short_and_letters_and_digits_only(run: bytes, number: int) -> None:
    token = Tokens(run).make(number)
    assert token.isalnum()
    assert token.isascii()
    assert len(token) < 33


def test_each_number_has_a_token_of_its_own() -> None:
    tokens = Tokens(os.urandom(RUN))
    made = {tokens.make(number) for number in range(10_000)}
    assert len(made) == 10_000
    assert all(map(tokens.owns, made))


def test_a_token_of_another_run_is_not_owned() -> None:
    here, there = Tokens(b"12345"), Tokens(b"12346")
    assert not any(here.owns(there.make(number)) for number in NUMBERS)


def test_what_is_only_near_a_token_is_not_owned() -> None:
    tokens = Tokens(b"12345")
    token = tokens.make(7)
    for wrong in (b"", token[:10], token + b"\0", token + b" ", token.upper(), b"x" + token):
        assert not tokens.owns(wrong)


def test_who_knows_a_token_does_not_know_the_next() -> None:
    """A plain worker answered 19 requests that it had never got."""
    name = b"12345"
    ours, theirs = Tokens(name + b"secret"), Tokens(name + b"guess")
    pairs = [(ours.make(number), theirs.make(number)) for number in range(1000)]
    assert all(one[: -2 * 5] == other[: -2 * 5] for one, other in pairs)
    assert not any(one == other for one, other in pairs)
    assert len({one[-2 * 5 :] for one, _ in pairs}) == 1000
    assert ours.make(3) == pairs[3][0], "also out of order"
